use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sockjs_core::{Cause, CloseReason};

use crate::driver::{self, Driver};

/// The sessions of one mount: HTTP transports' by the key their requests carry, and how many there
/// are of all transports.
///
/// Split into shards, so that requests of different sessions seldom meet at a lock.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
}

/// Identifies a session within its mount, as its requests do.
pub(crate) type Key = Arc<str>;

#[derive(Debug, Default)]
struct Shard {
    live: HashMap<Key, Arc<Driver>>,
    ended: Ended,
}

/// Sessions that ended lately, so that a late request does not open a new one under an old id.
#[derive(Debug, Default)]
struct Ended {
    reasons: HashMap<Key, CloseReason>,
    /// The same keys, oldest first, and until when each is remembered.
    order: VecDeque<(Instant, Key)>,
}

/// What is known under a key.
pub(crate) enum Found {
    Live(Arc<Driver>),
    Ended(CloseReason),
    Nothing,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
        }
    }

    pub(crate) fn find(&self, key: &str) -> Found {
        self.shard(key).find(key)
    }

    /// Files a session under its key, unless something is known under that.
    pub(crate) fn insert(&self, key: &Key, driver: &Arc<Driver>) -> Found {
        let mut shard = self.shard(key);
        let found = shard.find(key);
        if let Found::Nothing = found {
            shard.live.insert(key.clone(), driver.clone());
        }
        found
    }

    /// Takes a place for a session, if fewer than `max` are taken.
    pub(crate) fn reserve(self: &Arc<Self>, max: usize) -> Option<Place> {
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < max).then_some(count + 1)
            })
            .ok()?;
        Some(Place {
            registry: self.clone(),
        })
    }

    fn retire(&self, key: &Key, reason: CloseReason, remember: Duration) {
        let mut shard = self.shard(key);
        shard.live.remove(key);
        shard.ended.push(key.clone(), reason, remember);
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        let index = hash as usize % SHARDS;
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn find(&mut self, key: &str) -> Found {
        if let Some(driver) = self.live.get(key) {
            return Found::Live(driver.clone());
        }
        self.ended.forget(driver::now());
        match self.ended.reasons.get(key) {
            Some(reason) => Found::Ended(reason.clone()),
            None => Found::Nothing,
        }
    }
}

impl Ended {
    fn push(&mut self, key: Key, reason: CloseReason, remember: Duration) {
        let now = driver::now();
        self.forget(now);
        if self.order.len() >= MAX_ENDED {
            self.pop();
        }
        self.order.push_back((now + remember, key.clone()));
        self.reasons.insert(key, reason);
    }

    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.reasons.remove(&key);
        }
    }
}

/// A place for one session; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
}

impl Place {
    /// Occupies the place with a session, filed under `key` if it has one.
    pub(crate) fn occupy(self, key: Option<Key>, driver: Arc<Driver>) -> Registration {
        Registration {
            place: self,
            key,
            driver,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A session's entry in the registry, owned by the session's task and kept as long as the session
/// is not over.
#[derive(Debug)]
pub(crate) struct Registration {
    place: Place,
    key: Option<Key>,
    driver: Arc<Driver>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // The task ends before its session only if the runtime drops it.
        self.driver
            .abort(CloseReason::INTERRUPTED, Cause::ShuttingDown);
        if let (Some(key), Some(ending)) = (&self.key, self.driver.ending()) {
            let remember = self.driver.disconnect_delay() + REMEMBER;
            self.place
                .registry
                .retire(key, ending.reason().clone(), remember);
        }
    }
}

const SHARDS: usize = 16;

/// How many ended sessions a shard remembers at most.
const MAX_ENDED: usize = 1024;

/// For how long they are remembered, beyond the disconnect delay that the protocol asks for. A
/// client makes a new id for each session, so that only a late request ever asks.
const REMEMBER: Duration = Duration::from_secs(60);
