use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockjs_core::{Cause, CloseReason, Ending};
use tokio::sync::watch;
use uuid::Uuid;

use crate::http::reject::Reject;
use crate::mount::ended::{Ended, EndedSession};
use crate::mount::filed::{ById, ByKey};
use crate::session::driver::{self, Driver};

/// The sessions of one mount.
///
/// Split into shards, so that requests of different sessions seldom meet at a lock.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    /// How many places are taken, by sessions and by requests about to open one.
    places: AtomicUsize,
    phase: watch::Sender<Phase>,
}

/// Identifies a session of an HTTP transport within its mount, as its requests do.
pub(crate) type Key = Arc<str>;

#[derive(Debug, Default)]
struct Shard {
    by_id: HashSet<ById>,
    by_key: HashSet<ByKey>,
    ended: Ended,
}

/// How far the shutdown of a mount is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    Running,
    /// Sessions are closed, and none are opened.
    Stopping,
    /// Whatever still runs is cut off.
    Stopped,
}

/// What is known under a key.
pub(crate) enum Found {
    Live(Arc<Driver>),
    Ended(EndedSession),
    Nothing,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            places: AtomicUsize::new(0),
            phase: watch::Sender::new(Phase::Running),
        }
    }

    pub(crate) fn find(&self, key: &str) -> Found {
        self.shard(key).find(key)
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<Arc<Driver>> {
        let shard = self.shard(&id);
        shard.by_id.get(&id).map(|ById(driver)| driver.clone())
    }

    /// Returns all sessions there are at some moment of the call.
    pub(crate) fn all(&self) -> Vec<Arc<Driver>> {
        let mut all = Vec::with_capacity(self.places());
        for shard in &self.shards {
            let shard = lock(shard);
            all.extend(shard.by_id.iter().map(|ById(driver)| driver.clone()));
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).by_id.len())
            .sum()
    }

    /// Files a session under its key, if it has one and nothing is known under that.
    pub(crate) fn insert(&self, driver: &Arc<Driver>) -> Found {
        let Some(key) = &driver.opening().key else {
            return Found::Nothing;
        };
        let mut shard = self.shard(&**key);
        let found = shard.find(key);
        if let Found::Nothing = found {
            shard.by_key.insert(ByKey(driver.clone()));
        }
        found
    }

    /// Takes a place for a session, if fewer than `max` are taken.
    pub(crate) fn reserve(self: &Arc<Self>, max: usize) -> Result<Place, Reject> {
        self.places
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |places| {
                (places < max).then_some(places + 1)
            })
            .map_err(|_| Reject::TooManySessions)?;
        let place = Place {
            registry: self.clone(),
        };
        // Looked at with the place taken, so that a shutdown sees the one or the other.
        if self.phase() != Phase::Running {
            return Err(Reject::ShuttingDown);
        }
        Ok(place)
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    /// Waits until whatever still runs is to be cut off.
    pub(crate) async fn stopped(&self) {
        let mut phase = self.phase.subscribe();
        // The sender is this registry's own.
        let _ = phase.wait_for(|phase| *phase == Phase::Stopped).await;
    }

    /// Waits until all places are free, once the mount is stopping.
    pub(crate) async fn vacant(&self) {
        let mut phase = self.phase.subscribe();
        while self.places() > 0 {
            let _ = phase.changed().await;
        }
    }

    /// Returns how many places are taken.
    pub(crate) fn places(&self) -> usize {
        self.places.load(Ordering::SeqCst)
    }

    fn shard<K: Hash + ?Sized>(&self, key: &K) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        lock(&self.shards[hash as usize % SHARDS])
    }
}

impl Shard {
    fn find(&mut self, key: &str) -> Found {
        if let Some(ByKey(driver)) = self.by_key.get(key) {
            return Found::Live(driver.clone());
        }
        match self.ended.find(key, driver::now()) {
            Some(ended) => Found::Ended(ended),
            None => Found::Nothing,
        }
    }
}

/// A place for one session, taken before it is opened and given back when its task ends.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
}

impl Place {
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes a session known, which takes the place.
    pub(crate) fn register(self, driver: Arc<Driver>) -> Registration {
        let mut shard = self.registry.shard(&driver.opening().id);
        shard.by_id.insert(ById(driver.clone()));
        drop(shard);
        driver.meter().opened();
        match self.registry.phase() {
            Phase::Running => {}
            Phase::Stopping => driver.close(GOING_AWAY, Cause::ShuttingDown),
            Phase::Stopped => driver.abort(GOING_AWAY, Cause::ShuttingDown),
        }
        Registration {
            driver,
            place: self,
            listed: true,
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

/// A session's entry in the registry and its place, owned by the session's task.
#[derive(Debug)]
pub(crate) struct Registration {
    driver: Arc<Driver>,
    place: Place,
    /// Whether the session is still to be found.
    listed: bool,
}

impl Registration {
    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.place.registry
    }

    /// Takes out the entry of a session that is over, which keeps its place until this is dropped.
    pub(crate) fn end(&mut self) {
        if !mem::take(&mut self.listed) {
            return;
        }
        // The task ends before its session only if the runtime drops it.
        self.driver
            .abort(CloseReason::INTERRUPTED, Cause::ShuttingDown);
        let opening = self.driver.opening();
        self.registry().shard(&opening.id).by_id.remove(&opening.id);
        let Some(ending) = self.driver.ending() else {
            return;
        };
        self.driver.meter().closed(&ending);
        log(&ending);
        if let Some(key) = &opening.key {
            let delay = self.driver.disconnect_delay();
            let mut shard = self.registry().shard(&**key);
            shard.by_key.remove(&**key);
            let ended = EndedSession {
                reason: ending.reason().clone(),
                bound_to: opening.bound_to.clone(),
            };
            shard.ended.push(key.clone(), ended, driver::now(), delay);
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

/// What clients are told when the server shuts down.
pub(crate) const GOING_AWAY: CloseReason = CloseReason::from_static(1001, "Going away");

const SHARDS: usize = 16;
