use std::collections::HashMap;
use std::sync::PoisonError;

use tokio::sync::{Notify, mpsc};

use crate::peers::Delivery;
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
    owners: HashMap<u64, Option<mpsc::Sender<Delivery>>>,
}

/// The place of one request among the [`Relays`]. Its holder removes it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct RelayId(u64);

impl Relays {
    pub(super) fn enter(&self, owner: mpsc::Sender<Delivery>) -> RelayId {
        let mut running = self.lock();
        let id = running.next;
        running.next += 1;
        running.owners.insert(id, Some(owner));
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

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().owners.len()
    }

    /// Asks up to `max` owners to end their responses soon without loss. Returns whether there are more.
    pub(super) fn finish(&self, max: usize) -> bool {
        let mut running = self.lock();
        let unasked = running.owners.values_mut().filter(|owner| owner.is_some());
        let mut owners = Vec::new();
        let mut is_more = false;
        for owner in unasked {
            if owners.len() == max {
                is_more = true;
                break;
            }
            owners.extend(owner.take());
        }
        drop(running);
        for owner in owners {
            // There is room for this byte and for the end.
            let _ = owner.try_send(Delivery::finish());
        }
        is_more
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
