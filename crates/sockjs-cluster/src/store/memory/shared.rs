use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::entries::Entries;
use super::inboxes::Inboxes;
use crate::store::gate::Gate;

/// What all clones share.
pub(super) struct Shared {
    pub(super) gate: Gate<()>,
    delay: Mutex<Duration>,
    clusters: Mutex<HashMap<String, Arc<Space>>>,
}

/// What the nodes of one cluster share.
#[derive(Default)]
pub(super) struct Space {
    entries: Mutex<Entries>,
    inboxes: Mutex<Inboxes>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            gate: Gate::new(),
            delay: Mutex::default(),
            clusters: Mutex::default(),
        }
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        *lock(&self.delay) = delay;
    }

    /// Returns what the nodes of a cluster share.
    pub(super) fn space(&self, namespace: &str) -> Arc<Space> {
        let mut clusters = lock(&self.clusters);
        clusters.entry(namespace.to_owned()).or_default().clone()
    }

    pub(super) async fn delay(&self) {
        let delay = self.delay_len();
        if !delay.is_zero() {
            sleep(delay).await;
        }
    }

    pub(super) fn delay_len(&self) -> Duration {
        *lock(&self.delay)
    }

    pub(super) fn tell_gap(&self) {
        for space in self.spaces() {
            let inboxes = space.inboxes().all();
            inboxes.iter().for_each(|inbox| inbox.put_gap());
        }
    }

    pub(super) fn spaces(&self) -> Vec<Arc<Space>> {
        lock(&self.clusters).values().cloned().collect()
    }
}

impl Space {
    pub(super) fn clear(&self) {
        *self.entries() = Entries::default();
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }

    pub(super) fn inboxes(&self) -> MutexGuard<'_, Inboxes> {
        lock(&self.inboxes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
