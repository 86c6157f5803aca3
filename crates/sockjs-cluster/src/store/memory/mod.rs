mod directory;
mod entries;
mod inboxes;
mod shared;
mod topics;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::directory::MemoryDirectory;
use self::shared::Shared;
use self::topics::MemoryTopics;
use super::directory::Directory;
use super::gate::Contents;
use super::join::Store;
use super::topics::Topics;

/// A store in the memory of this process, for tests and for programs of a single process.
///
/// All clones are the same store. Leases follow tokio's clock, so that a test that has paused it moves
/// them. The store grows with the sessions that are claimed: about 150 bytes a session until its lease is
/// over. Messages wait for a node that does not take them up to 16 MiB; more are lost.
///
/// # Example: a test that takes the store away
///
/// ```
/// use sockjs_axum::peers::SessionKey;
/// use sockjs_cluster::{Directory, Memory, Store, Unavailable};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let store = Memory::new();
/// let (directory, _topics) = store.join("chat");
/// assert_eq!(directory.find(SessionKey([1; 16])).await, Ok(None));
///
/// store.stop();
/// assert_eq!(directory.find(SessionKey([1; 16])).await, Err(Unavailable));
///
/// store.start();
/// assert_eq!(directory.find(SessionKey([1; 16])).await, Ok(None));
/// # }
/// ```
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

impl Memory {
    /// Makes a store that is empty.
    pub fn new() -> Self {
        let shared = Shared::new();
        shared.gate.up((), Contents::Kept);
        Self(Arc::new(shared))
    }

    /// Makes the store unavailable. It keeps its entries, and leases go on.
    pub fn stop(&self) {
        self.0.gate.close();
        self.0.tell_gap();
    }

    /// Makes the store available again, with the entries that it had.
    pub fn start(&self) {
        self.0.tell_gap();
        self.0.gate.up((), Contents::Kept);
    }

    /// Makes the store available, without any entry, as after a restart. The subscriptions of those that
    /// joined are there again.
    pub fn start_empty(&self) {
        for space in self.0.spaces() {
            space.clear();
        }
        self.0.tell_gap();
        self.0.gate.up((), Contents::Emptied);
    }

    /// Sets how long the store takes for each answer from now on. By default it takes no time. Messages
    /// arrive at once all the same.
    ///
    /// With a delay of 1 s or more, calls of the directory fail after 3 s.
    pub fn set_delay(&self, delay: Duration) {
        self.0.set_delay(delay);
    }

    /// Returns how many sessions have an entry, in all clusters together.
    pub fn entries(&self) -> usize {
        let spaces = self.0.spaces();
        spaces.iter().map(|space| space.entries().len()).sum()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for Memory {
    fn join(&self, namespace: &str) -> (Arc<dyn Directory>, Arc<dyn Topics>) {
        let space = self.0.space(namespace);
        let directory = MemoryDirectory::new(self.0.clone(), space.clone());
        let topics = MemoryTopics::new(self.0.clone(), space);
        (Arc::new(directory), Arc::new(topics))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("entries", &self.entries())
            .finish_non_exhaustive()
    }
}
