use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::mem;
use std::sync::{Arc, OnceLock, PoisonError};

use sockjs_core::{Cause, CloseReason, Ending};
use tokio::sync::watch;
use uuid::Uuid;

use super::clients::Clients;
use super::ended::{Ended, EndedSession, REMEMBER};
use super::nodes::Nodes;
use super::strays::Strays;
use crate::clock;
use crate::peers::Peers;
use crate::session::{Digest, DigestKey, Even, Key, Shared};
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::throttle::Throttle;
use crate::topics::Topics;

/// The sessions of one mount.
///
/// The registry is split into shards, so that requests of different sessions seldom contend for a
/// lock.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    digest: DigestKey,
    nodes: OnceLock<Arc<Nodes>>,
    /// How many places are taken, by sessions and by requests that are about to open one.
    places: AtomicUsize,
    clients: Clients,
    warnings: Throttle,
    phase: watch::Sender<Phase>,
    strays: Strays,
    topics: Arc<Topics<Arc<Shared>>>,
}

/// The sessions are stored under ids and keys that they hold themselves, so that neither is copied.
#[derive(Debug, Default)]
struct Shard {
    by_id: HashSet<ById>,
    by_key: HashSet<ByKey, BuildHasherDefault<Even>>,
    ended: Ended,
}

/// How far the shutdown of a mount is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Running,
    /// The mount goes on, and its clients are led to other nodes.
    Draining,
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
    /// The client has as many sessions as one client may have.
    ClientIsFull,
    /// As many sessions have ended recently as the mount may remember.
    EndedIsFull,
    ShuttingDown,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            digest: DigestKey::new(),
            nodes: OnceLock::new(),
            places: AtomicUsize::new(0),
            clients: Clients::new(),
            warnings: Throttle::default(),
            phase: watch::Sender::new(Phase::Running),
            strays: Strays::default(),
            topics: Arc::new(Topics::new()),
        }
    }

    /// Returns the secret of the digests of the mount's keys.
    pub(super) fn digest(&self) -> &DigestKey {
        match self.nodes.get() {
            Some(nodes) => nodes.digest(),
            None => &self.digest,
        }
    }

    /// Connects the mount with the other nodes of its cluster.
    ///
    /// # Panics
    ///
    /// If it is connected already.
    pub(crate) fn connect(&self, peers: Arc<dyn Peers>) {
        self.topics.connect(peers.clone());
        let nodes = Arc::new(Nodes::new(peers));
        assert!(self.nodes.set(nodes).is_ok(), "the mount has peers already");
    }

    pub(crate) fn peers(&self) -> Option<&Arc<dyn Peers>> {
        self.nodes().map(|nodes| nodes.peers())
    }

    /// Returns the other nodes of the mount's cluster.
    pub(super) fn nodes(&self) -> Option<&Arc<Nodes>> {
        self.nodes.get()
    }

    pub(super) fn warnings(&self) -> &Throttle {
        &self.warnings
    }

    pub(super) fn find(&self, key: &Key) -> Option<Known> {
        self.shard_of(key).find(key)
    }

    /// Checks that fewer than about `max` sessions have ended within the disconnect delay, so that the
    /// end of one more can be remembered.
    pub(super) fn check_ended(&self, key: &Key, max: usize) -> Result<(), NoPlace> {
        let max = max.div_ceil(SHARDS);
        if self.shard_of(key).ended.is_full(max, clock::now()) {
            return Err(NoPlace::EndedIsFull);
        }
        Ok(())
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
        let mut shard = self.shard_of(key);
        if let Some(known) = shard.find(key) {
            return Err(known);
        }
        shard.by_key.insert(ByKey(shared.clone()));
        Ok(())
    }

    /// Takes a place for a session, if fewer than `max` are taken. If there is a limit for each client,
    /// `client` is the key of the client and the number of places that the client may have.
    pub(super) fn reserve(
        self: &Arc<Self>,
        max: usize,
        client: Option<(Digest, usize)>,
    ) -> Result<Place, NoPlace> {
        // First, so that a client without a place for itself takes none from the others.
        if let Some((client, max)) = client {
            if !self.clients.take(client, max) {
                return Err(NoPlace::ClientIsFull);
            }
        }
        let taken = self
            .places
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |places| {
                (places < max).then_some(places + 1)
            });
        let client = client.map(|(client, _)| client);
        if taken.is_err() {
            if let Some(client) = client {
                self.clients.give_back(client);
            }
            return Err(NoPlace::Full);
        }
        let place = Place {
            registry: self.clone(),
            client,
        };
        // Checked after the place is taken, so that either this sees the shutdown or the shutdown
        // sees the place.
        if self.phase() >= Phase::Stopping {
            return Err(NoPlace::ShuttingDown);
        }
        Ok(place)
    }

    pub(super) fn strays(&self) -> &Strays {
        &self.strays
    }

    /// Returns the sessions by topic.
    pub(super) fn topics(&self) -> &Arc<Topics<Arc<Shared>>> {
        &self.topics
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

    /// Waits until all places of a mount that is draining or shutting down are free.
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

    fn shard_of(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[key.shard(SHARDS)])
    }
}

impl Shard {
    fn find(&mut self, key: &Key) -> Option<Known> {
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
    /// The client for whom the place is counted, if there is a limit for each client.
    client: Option<Digest>,
}

impl Place {
    /// Enters a session in the registry. The place then belongs to the registration.
    pub(super) fn register(self, shared: Arc<Shared>) -> Registration {
        let mut shard = self.registry.shard(&shared.opening().id);
        shard.by_id.insert(ById(shared.clone()));
        drop(shard);
        shared.meter().opened();
        match self.registry.phase() {
            Phase::Running | Phase::Draining => {}
            Phase::Stopping => {
                shared.close(CloseReason::GOING_AWAY, Cause::ShuttingDown);
            }
            Phase::Stopped => shared.abort(CloseReason::GOING_AWAY, Cause::ShuttingDown),
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
        if let Some(client) = self.client {
            self.registry.clients.give_back(client);
        }
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

    /// Removes the entry of a session that is over, and the session from its topics. The session keeps
    /// its place until the registration is dropped.
    pub(super) fn end(&mut self) {
        if !mem::take(&mut self.is_entered) {
            return;
        }
        // The session is over already, unless the runtime drops its task.
        self.shared
            .abort(CloseReason::INTERRUPTED, Cause::ShuttingDown);
        self.shared.end_sends();
        self.shared.leave_topics();
        let opening = self.shared.opening();
        self.registry().shard(&opening.id).by_id.remove(&opening.id);
        let Some(ending) = self.shared.ending() else {
            return;
        };
        self.shared.meter().closed(&ending);
        log(&ending, self.registry().warnings());
        if let Some(key) = &opening.key {
            let delay = self.shared.disconnect_delay();
            let ended = EndedSession::new(ending.reason(), opening.bound_to);
            let mut shard = self.registry().shard_of(key);
            shard.by_key.remove(key);
            shard.ended.push(*key, ended, clock::now(), delay);
            drop(shard);
            if let Some(nodes) = self.registry().nodes() {
                nodes.ended(*key, delay.saturating_add(REMEMBER));
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end();
        self.shared.task_ended();
    }
}

/// Logs the end of a session. A cause that any client can bring about is a warning once a minute.
fn log(ending: &Ending, warnings: &Throttle) {
    let (cause, code) = (ending.cause().as_str(), ending.reason().code());
    let undelivered = ending.undelivered();
    match ending.cause() {
        Cause::HandlerPanicked => {
            tracing::warn!(cause, code, undelivered, "session closed");
        }
        Cause::SlowClient | Cause::LimitExceeded | Cause::ClaimLost => {
            if warnings.passes(cause) {
                tracing::warn!(cause, code, undelivered, "session closed");
            } else {
                tracing::debug!(cause, code, undelivered, "session closed");
            }
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

impl Borrow<Key> for ByKey {
    fn borrow(&self) -> &Key {
        self.0.opening().key.as_ref().unwrap_or(&Digest::NONE)
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
hash_as!(ByKey, Key);

const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use http::Request;
    use sockjs_core::{SessionConfig, Transport};

    use super::*;
    use crate::error::JoinError;
    use crate::meter::Meter;
    use crate::session::SessionRef;
    use crate::session::{Attachment, Connection, Opening, Prefix, TopicsOfMount};

    fn registry() -> Arc<Registry> {
        Arc::new(Registry::new())
    }

    fn place(registry: &Arc<Registry>) -> Place {
        registry.reserve(usize::MAX, None).expect("there is room")
    }

    /// A session that no registry knows.
    fn session(key: Option<Key>) -> Arc<Shared> {
        session_of(&registry(), key)
    }

    /// A session that its registry does not know yet.
    fn session_of(registry: &Registry, key: Option<Key>) -> Arc<Shared> {
        let (parts, ()) = Request::new(()).into_parts();
        let opening = Opening::new(&parts, Prefix::Mount("/echo".into()), key, None);
        let connection = Connection {
            transport: Transport::Xhr,
            remote_addr: None,
        };
        let meter = Meter::new("/echo".into(), connection.transport);
        let config = Arc::new(SessionConfig::default());
        let topics = Arc::new(TopicsOfMount {
            topics: registry.topics().clone(),
            max_topics: usize::MAX,
        });
        let (shared, attachment) = Attachment::open(opening, connection, meter, config, topics);
        attachment.into_writer().complete();
        shared
    }

    fn key(registry: &Registry, id: &str) -> Key {
        registry.digest().of(id)
    }

    /// Enters a session as an admission does.
    fn enter(registry: &Arc<Registry>, key: Option<Key>) -> Registration {
        let shared = session_of(registry, key);
        assert!(registry.insert(&shared).is_ok());
        place(registry).register(shared)
    }

    fn is_live(known: Option<Known>, session: &Arc<Shared>) -> bool {
        matches!(known, Some(Known::Live(shared)) if Arc::ptr_eq(&shared, session))
    }

    #[test]
    fn a_session_is_found_by_its_key_and_its_id_until_it_ends() {
        let registry = registry();
        let abc = key(&registry, "abc");
        let mut registration = enter(&registry, Some(abc));
        let shared = registration.shared().clone();
        let id = shared.opening().id;
        assert!(is_live(registry.find(&abc), &shared));
        assert!(registry.find(&key(&registry, "abd")).is_none());
        assert!(registry.get(id).is_some());
        assert_eq!((registry.len(), registry.all().len()), (1, 1));

        registration.end();

        // It is remembered as a session that has ended, and nothing else of it is left.
        assert!(matches!(registry.find(&abc), Some(Known::Ended(_))));
        assert!(registry.get(id).is_none());
        assert_eq!((registry.len(), registry.all().len()), (0, 0));
        for shard in &registry.shards {
            let shard = lock(shard);
            assert!(shard.by_key.is_empty() && shard.by_id.is_empty());
        }
        // The task still runs, and keeps its place.
        assert_eq!(registry.places(), 1);
        drop(registration);
        assert_eq!(registry.places(), 0);
    }

    #[test]
    fn a_session_leaves_its_topics_where_it_leaves_the_registry() {
        let registry = registry();
        let mut registration = enter(&registry, None);
        let session = SessionRef::new(registration.shared().clone());
        let ended = SessionRef::new(enter(&registry, None).shared().clone());
        for topic in ["a", "b"] {
            assert_eq!(session.join(topic), Ok(()));
            assert_eq!(session.join(topic), Ok(()));
        }
        assert_eq!(registry.topics().len("a"), 1);
        assert_eq!(ended.join("a"), Err(JoinError::Closed));

        registration.end();

        assert_eq!((registry.topics().len("a"), session.topics().len()), (0, 0));
        assert_eq!(session.join("a"), Err(JoinError::Closed));
        assert!(!session.leave("a"));
        assert_eq!(registry.topics().len("a"), 0);
    }

    #[test]
    fn a_session_without_a_key_is_found_by_its_id_alone() {
        let registry = registry();
        let registration = enter(&registry, None);
        assert!(registry.get(registration.shared().opening().id).is_some());
        assert!(registry.shards.iter().all(|it| lock(it).by_key.is_empty()));
    }

    #[test]
    fn the_second_session_with_a_key_is_told_the_first() {
        let registry = registry();
        let abc = key(&registry, "abc");
        let registration = enter(&registry, Some(abc));
        let second = session(Some(abc));
        let known = registry.insert(&second).err();
        assert!(is_live(known, registration.shared()));

        drop(registration);
        let known = registry.insert(&second).err();
        assert!(matches!(known, Some(Known::Ended(_))));
    }

    #[test]
    fn a_registration_that_is_dropped_ends_its_session() {
        let registry = registry();
        let abc = key(&registry, "abc");
        let registration = enter(&registry, Some(abc));
        let shared = registration.shared().clone();
        assert!(shared.ending().is_none());

        drop(registration);

        let ending = shared.ending().expect("it has ended");
        assert_eq!(ending.cause(), Cause::ShuttingDown);
        assert!(matches!(registry.find(&abc), Some(Known::Ended(_))));
        assert_eq!((registry.len(), registry.places()), (0, 0));
    }

    #[test]
    fn places_are_limited_and_given_back() {
        let registry = registry();
        let first = registry.reserve(2, None).expect("there is room");
        let _second = registry.reserve(2, None).expect("there is room");
        assert_eq!(registry.reserve(2, None).err(), Some(NoPlace::Full));
        drop(first);
        assert!(registry.reserve(2, None).is_ok());
        assert_eq!(registry.reserve(1, None).err(), Some(NoPlace::Full));
    }

    #[test]
    fn a_mount_that_shuts_down_closes_a_session_that_is_just_entered() {
        let registry = registry();
        let (early, late) = (place(&registry), place(&registry));
        registry.enter(Phase::Stopping);
        assert_eq!(registry.reserve(9, None).err(), Some(NoPlace::ShuttingDown));
        assert_eq!(registry.places(), 2);

        let closing = early.register(session(None));
        assert!(closing.shared().ending().is_none());
        let mut attachment =
            Attachment::attach(closing.shared().clone(), closing.shared().connection());
        assert!(attachment.as_mut().is_ok_and(|it| it.ending().is_none()));
        registry.enter(Phase::Stopped);
        // A phase does not go back.
        registry.enter(Phase::Stopping);
        assert_eq!(registry.phase(), Phase::Stopped);
        let aborted = late.register(session(None));
        let ending = aborted.shared().ending().expect("it has ended");
        assert_eq!(
            (ending.cause(), ending.reason()),
            (Cause::ShuttingDown, &CloseReason::GOING_AWAY)
        );
    }
}
