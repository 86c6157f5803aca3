use std::collections::HashMap;
use std::sync::PoisonError;

use tokio::sync::{Notify, mpsc};

use crate::peers::Part;
use crate::sync::{Mutex, MutexGuard};

/// The receive requests that this node relays to the owners of their sessions.
#[derive(Debug, Default)]
pub(super) struct Relays {
    running: Mutex<Running>,
    /// Notified when the last one ends.
    vacant: Notify,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    /// How to reach the owner; `None` if it was asked to finish.
    owners: HashMap<u64, Option<mpsc::Sender<Part>>>,
    /// Whether each new one is asked to finish at once.
    is_closing: bool,
}

/// The place of one request among the [`Relays`]. Its holder removes it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct RelayId(u64);

impl Relays {
    pub(super) fn enter(&self, owner: mpsc::Sender<Part>) -> RelayId {
        let mut running = self.lock();
        let id = running.next;
        running.next += 1;
        let owner = if running.is_closing {
            let _ = owner.try_send(Part::finish());
            None
        } else {
            Some(owner)
        };
        running.owners.insert(id, owner);
        RelayId(id)
    }

    pub(super) fn leave(&self, id: RelayId) {
        let mut running = self.lock();
        running.owners.remove(&id.0);
        if running.owners.is_empty() {
            running.owners.shrink_to_fit();
            drop(running);
            self.vacant.notify_waiters();
        }
    }

    /// Returns those whose owners were not asked to finish.
    pub(super) fn all(&self) -> Vec<RelayId> {
        let running = self.lock();
        let unasked = running.owners.iter().filter(|(_, owner)| owner.is_some());
        unasked.map(|(id, _)| RelayId(*id)).collect()
    }

    /// Asks the owner to end the response soon without loss.
    pub(super) fn finish(&self, id: RelayId) {
        let owner = self.lock().owners.get_mut(&id.0).and_then(Option::take);
        if let Some(owner) = owner {
            // There is room for this and for the end.
            let _ = owner.try_send(Part::finish());
        }
    }

    /// Has all responses that are relayed from now on end soon.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
    }

    /// Waits until there is none.
    pub(super) async fn vacant(&self) {
        loop {
            let vacant = self.vacant.notified();
            tokio::pin!(vacant);
            vacant.as_mut().enable();
            if self.lock().owners.is_empty() {
                return;
            }
            vacant.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
