use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sockjs_axum::peers::SessionKey;
use tokio::time::sleep;

use super::entries::Entries;
use super::shared::{Shared, Space};
use crate::store::directory::{Claimed, Directory, Entry, Renewal};
use crate::store::future::{StoreFuture, Unavailable};
use crate::store::gate::{ANSWER_TIMEOUT, Failure, PATIENCE, Pass};

/// The directory of a [`Memory`](super::Memory).
pub(super) struct MemoryDirectory {
    shared: Arc<Shared>,
    space: Arc<Space>,
}

impl MemoryDirectory {
    pub(super) fn new(shared: Arc<Shared>, space: Arc<Space>) -> Self {
        Self { shared, space }
    }

    /// Does something with the entries when the store is there.
    async fn call<T: Send>(
        &self,
        pass: Pass,
        action: impl Fn(&mut Entries) -> T + Send + Sync,
    ) -> Result<T, Unavailable> {
        if self.shared.delay_len() >= ANSWER_TIMEOUT {
            sleep(PATIENCE).await;
            return Err(Unavailable);
        }
        let action = &action;
        let attempt = |()| async move {
            self.shared.delay().await;
            if !self.shared.gate.is_up() {
                return Err(Failure::Broken);
            }
            let mut entries = self.space.entries();
            entries.expire();
            Ok(action(&mut entries))
        };
        self.shared.gate.call(pass, attempt).await
    }
}

impl Directory for MemoryDirectory {
    fn claim<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed> {
        Box::pin(self.call(Pass::Settled, move |entries| {
            if let Some(entry) = entries.get(session) {
                return Claimed::Taken(entry);
            }
            entries.set(session, *owner, lease);
            Claimed::New
        }))
    }

    fn find(&self, session: SessionKey) -> StoreFuture<'_, Option<Entry>> {
        Box::pin(self.call(Pass::Settled, move |entries| entries.get(session)))
    }

    fn renew<'a>(
        &'a self,
        sessions: &'a [SessionKey],
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Vec<Renewal>> {
        Box::pin(self.call(Pass::AtOnce, move |entries| {
            let renew = |&session| {
                let renewal = match entries.get(session) {
                    Some(entry) if entry != *owner => return Renewal::Taken,
                    Some(_) => Renewal::Renewed,
                    None => Renewal::Restored,
                };
                entries.set(session, *owner, lease);
                renewal
            };
            sessions.iter().map(renew).collect()
        }))
    }

    fn release<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        remembered: Duration,
    ) -> StoreFuture<'a, ()> {
        Box::pin(self.call(Pass::AtOnce, move |entries| {
            if entries.get(session) != Some(*owner) {
                return;
            }
            if remembered.is_zero() {
                entries.remove(session);
            } else {
                entries.set(session, *owner, remembered);
            }
        }))
    }

    fn emptied(&self, seen: u64) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        Box::pin(self.shared.gate.emptied(seen))
    }

    fn is_connected(&self) -> bool {
        self.shared.gate.is_up()
    }
}

impl fmt::Debug for MemoryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDirectory").finish_non_exhaustive()
    }
}
