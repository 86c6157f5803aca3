use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockjs_core::{Cause, CloseReason, Ending};
use tokio::sync::watch;
use uuid::Uuid;

use super::ended::{Ended, EndedSession};
use super::strays::Strays;
use crate::clock;
use crate::session::Shared;
use crate::session::close::GOING_AWAY;

/// The sessions of one mount.
///
/// The registry is split into shards, so that requests of different sessions seldom contend for a
/// lock.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    /// How many places are taken, by sessions and by requests that are about to open one.
    places: AtomicUsize,
    phase: watch::Sender<Phase>,
    strays: Strays,
}

/// The sessions are stored under ids and keys that they hold themselves, so that neither is copied.
#[derive(Debug, Default)]
struct Shard {
    by_id: HashSet<ById>,
    by_key: HashSet<ByKey>,
    ended: Ended,
}

/// How far the shutdown of a mount is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Running,
    /// The open sessions are closed, and no session is opened.
    Stopping,
    /// Every task that still runs is cut off.
    Stopped,
}

/// A session that the registry knows by its key.
pub(crate) enum Known {
    Live(Arc<Shared>),
    Ended(EndedSession),
}

/// Why a session cannot be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoPlace {
    /// The mount has as many sessions as it may have.
    Full,
    ShuttingDown,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            places: AtomicUsize::new(0),
            phase: watch::Sender::new(Phase::Running),
            strays: Strays::default(),
        }
    }

    pub(super) fn find(&self, key: &str) -> Option<Known> {
        self.shard(key).find(key)
    }

    pub(super) fn get(&self, id: Uuid) -> Option<Arc<Shared>> {
        let shard = self.shard(&id);
        shard.by_id.get(&id).map(|ById(shared)| shared.clone())
    }

    /// Returns every session that exists for the whole time of the call, and some of the others.
    pub(super) fn all(&self) -> Vec<Arc<Shared>> {
        let mut all = Vec::with_capacity(self.places());
        for shard in &self.shards {
            let shard = lock(shard);
            all.extend(shard.by_id.iter().map(|ById(shared)| shared.clone()));
        }
        all
    }

    pub(super) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).by_id.len())
            .sum()
    }

    /// Makes a session known by its key, if it has one. Returns the session that is already known by
    /// that key, if there is one.
    pub(super) fn insert(&self, shared: &Arc<Shared>) -> Result<(), Known> {
        let Some(key) = &shared.opening().key else {
            return Ok(());
        };
        let mut shard = self.shard(&**key);
        if let Some(known) = shard.find(key) {
            return Err(known);
        }
        shard.by_key.insert(ByKey(shared.clone()));
        Ok(())
    }

    /// Takes a place for a session, if fewer than `max` are taken.
    pub(super) fn reserve(self: &Arc<Self>, max: usize) -> Result<Place, NoPlace> {
        self.places
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |places| {
                (places < max).then_some(places + 1)
            })
            .map_err(|_| NoPlace::Full)?;
        let place = Place {
            registry: self.clone(),
        };
        // Checked after the place is taken, so that either this sees the shutdown or the shutdown
        // sees the place.
        if self.phase() != Phase::Running {
            return Err(NoPlace::ShuttingDown);
        }
        Ok(place)
    }

    pub(super) fn strays(&self) -> &Strays {
        &self.strays
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    /// Waits until every task that still runs is to be cut off.
    pub(super) async fn stopped(&self) {
        let mut phase = self.phase.subscribe();
        // An error is impossible, because the registry itself holds the sender.
        let _ = phase.wait_for(|phase| *phase == Phase::Stopped).await;
    }

    /// Waits until all places of a mount that is shutting down are free.
    pub(super) async fn vacant(&self) {
        let mut phase = self.phase.subscribe();
        while self.places() > 0 {
            let _ = phase.changed().await;
        }
    }

    /// Returns how many places are taken.
    pub(super) fn places(&self) -> usize {
        self.places.load(Ordering::SeqCst)
    }

    fn shard<K: Hash + ?Sized>(&self, key: &K) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        lock(&self.shards[hash as usize % SHARDS])
    }
}

impl Shard {
    fn find(&mut self, key: &str) -> Option<Known> {
        if let Some(ByKey(shared)) = self.by_key.get(key) {
            return Some(Known::Live(shared.clone()));
        }
        self.ended.find(key, clock::now()).map(Known::Ended)
    }
}

/// A place for one session. It is taken before the session opens, and given back when the session's
/// task ends.
#[derive(Debug)]
pub(super) struct Place {
    registry: Arc<Registry>,
}

impl Place {
    /// Enters a session in the registry. The place then belongs to the registration.
    pub(super) fn register(self, shared: Arc<Shared>) -> Registration {
        let mut shard = self.registry.shard(&shared.opening().id);
        shard.by_id.insert(ById(shared.clone()));
        drop(shard);
        shared.meter().opened();
        match self.registry.phase() {
            Phase::Running => {}
            Phase::Stopping => shared.close(GOING_AWAY, Cause::ShuttingDown),
            Phase::Stopped => shared.abort(GOING_AWAY, Cause::ShuttingDown),
        }
        Registration {
            shared,
            place: self,
            is_entered: true,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let places = self.registry.places.fetch_sub(1, Ordering::SeqCst) - 1;
        if places == 0 && self.registry.phase() != Phase::Running {
            self.registry.phase.send_modify(|_| {});
        }
    }
}

/// A session's entry in the registry and its place. The session's task owns it.
#[derive(Debug)]
pub(super) struct Registration {
    shared: Arc<Shared>,
    place: Place,
    /// Whether the registry still has the entry.
    is_entered: bool,
}

impl Registration {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn registry(&self) -> &Arc<Registry> {
        &self.place.registry
    }

    /// Removes the entry of a session that is over. The session keeps its place until the
    /// registration is dropped.
    pub(super) fn end(&mut self) {
        if !mem::take(&mut self.is_entered) {
            return;
        }
        // The session is over already, unless the runtime drops its task.
        self.shared
            .abort(CloseReason::INTERRUPTED, Cause::ShuttingDown);
        self.shared.end_sends();
        let opening = self.shared.opening();
        self.registry().shard(&opening.id).by_id.remove(&opening.id);
        let Some(ending) = self.shared.ending() else {
            return;
        };
        self.shared.meter().closed(&ending);
        log(&ending);
        if let Some(key) = &opening.key {
            let delay = self.shared.disconnect_delay();
            let mut shard = self.registry().shard(&**key);
            shard.by_key.remove(&**key);
            let ended = EndedSession {
                reason: ending.reason().clone(),
                bound_to: opening.bound_to.clone(),
            };
            shard.ended.push(key.clone(), ended, clock::now(), delay);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end();
    }
}

fn log(ending: &Ending) {
    let (cause, code) = (ending.cause().as_str(), ending.reason().code());
    let undelivered = ending.undelivered();
    match ending.cause() {
        Cause::SlowClient | Cause::LimitExceeded | Cause::HandlerPanicked => {
            tracing::warn!(cause, code, undelivered, "session closed");
        }
        _ => tracing::debug!(cause, code, undelivered, "session closed"),
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session under the id that the server made for it.
#[derive(Clone, Debug)]
struct ById(Arc<Shared>);

impl Borrow<Uuid> for ById {
    fn borrow(&self) -> &Uuid {
        &self.0.opening().id
    }
}

/// A session under its key. Sessions without a key are not stored this way.
#[derive(Clone, Debug)]
struct ByKey(Arc<Shared>);

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        self.0.opening().key.as_deref().unwrap_or_default()
    }
}

/// Compares and hashes a type as the value that it borrows, which `HashSet` relies on.
macro_rules! hash_as {
    ($type:ty, $borrowed:ty) => {
        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                Borrow::<$borrowed>::borrow(self).hash(state);
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                Borrow::<$borrowed>::borrow(self) == Borrow::<$borrowed>::borrow(other)
            }
        }

        impl Eq for $type {}
    };
}

hash_as!(ById, Uuid);
hash_as!(ByKey, str);

const SHARDS: usize = 16;
