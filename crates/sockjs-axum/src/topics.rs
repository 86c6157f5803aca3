use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::{Arc, OnceLock, PoisonError};

use crate::peers::Peers;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};

/// The members of each topic of a mount.
///
/// Joining and leaving take the same time, whatever the number of members and topics. The table is split
/// into shards, so that different topics seldom contend for a lock. No member is dropped under a lock.
pub(crate) struct Topics<M> {
    shards: [Mutex<Shard<M>>; SHARDS],
    hasher: RandomState,
    peers: OnceLock<Arc<dyn Peers>>,
}

/// A topic without members has no entry.
type Shard<M> = HashMap<Arc<str>, Members<M>>;

/// Where a member is among the members of its topic. Read and written under the lock of the topic's
/// shard.
pub(crate) type Place = Arc<AtomicUsize>;

impl<M: Clone> Topics<M> {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            peers: OnceLock::new(),
        }
    }

    /// Connects the topics with those of other nodes.
    pub(crate) fn connect(&self, peers: Arc<dyn Peers>) {
        let _ = self.peers.set(peers);
    }

    /// Returns the other nodes of the mount's cluster.
    pub(crate) fn peers(&self) -> Option<&Arc<dyn Peers>> {
        self.peers.get()
    }

    /// Adds a member. The caller makes sure that it is no member yet, and keeps the name of the topic
    /// and the place.
    pub(crate) fn join(&self, topic: &str, member: M) -> (Arc<str>, Place) {
        let mut shard = self.shard(topic);
        if let Some((name, _)) = shard.get_key_value(topic) {
            let name = name.clone();
            let members = shard.entry(name.clone()).or_default();
            return (name, members.push(member));
        }
        // The first member makes the entry. Nothing else does.
        let name: Arc<str> = topic.into();
        let members = shard.entry(name.clone()).or_default();
        let place = members.push(member);
        drop(shard);
        self.changed(&name);
        (name, place)
    }

    /// Removes the member at a place.
    pub(crate) fn leave(&self, topic: &str, place: &Place) {
        let mut shard = self.shard(topic);
        let Some(members) = shard.get_mut(topic) else {
            return;
        };
        if members.len > 1 {
            let member = members.remove(place.load(Ordering::Relaxed));
            drop(shard);
            drop(member);
        } else {
            // The last member takes the entry away. Nothing else does.
            let entry = shard.remove_entry(topic);
            // After many topics have lost their members.
            if shard.capacity() > 1024 && shard.capacity() / 8 > shard.len() {
                let len = shard.len();
                shard.shrink_to(2 * len);
            }
            drop(shard);
            if let Some((name, _)) = &entry {
                self.changed(name);
            }
        }
    }

    /// Returns the members that a topic has now.
    pub(crate) fn members(&self, topic: &str) -> Members<M> {
        self.shard(topic).get(topic).cloned().unwrap_or_default()
    }

    /// Returns how many members a topic has.
    pub(crate) fn len(&self, topic: &str) -> usize {
        self.shard(topic)
            .get(topic)
            .map_or(0, |members| members.len)
    }

    fn changed(&self, topic: &Arc<str>) {
        if let Some(peers) = self.peers() {
            peers.topic_changed(topic);
        }
    }

    fn shard(&self, topic: &str) -> MutexGuard<'_, Shard<M>> {
        let hash = self.hasher.hash_one(topic);
        let shard = &self.shards[hash as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the members out, because each of them knows the table.
impl<M> fmt::Debug for Topics<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").finish_non_exhaustive()
    }
}

/// The members of a topic.
///
/// They are in chunks, which are full except for the last one. A clone shares the chunks, so that it
/// takes a small part of the time that it takes to clone the members. A chunk that a clone shares is
/// copied when a member joins or leaves, and the others are not.
#[derive(Clone)]
pub(crate) struct Members<M> {
    chunks: Vec<Arc<Vec<Member<M>>>>,
    len: usize,
}

#[derive(Clone)]
struct Member<M> {
    member: M,
    place: Place,
}

impl<M> Members<M> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        let members = self.chunks.iter().flat_map(|chunk| chunk.iter());
        members.map(|it| &it.member)
    }
}

impl<M: Clone> Members<M> {
    fn push(&mut self, member: M) -> Place {
        let place = Place::new(AtomicUsize::new(self.len));
        let member = Member {
            member,
            place: place.clone(),
        };
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(member),
            _ => self.chunks.push(Arc::new(vec![member])),
        }
        self.len += 1;
        place
    }

    /// Removes a member. The last member moves to its place.
    fn remove(&mut self, place: usize) -> Option<Member<M>> {
        let chunk = Arc::make_mut(self.chunks.last_mut()?);
        let last = chunk.pop()?;
        if chunk.is_empty() {
            self.chunks.pop();
            // After many members have left.
            if self.chunks.capacity() > 16 && self.chunks.capacity() / 4 > self.chunks.len() {
                self.chunks.shrink_to(2 * self.chunks.len());
            }
        }
        self.len -= 1;
        if place == self.len {
            return Some(last);
        }
        last.place.store(place, Ordering::Relaxed);
        let chunk = Arc::make_mut(&mut self.chunks[place / CHUNK]);
        Some(mem::replace(&mut chunk[place % CHUNK], last))
    }
}

impl<M> Default for Members<M> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

const SHARDS: usize = 16;

/// How many members are copied at most when a member joins or leaves.
const CHUNK: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    impl<M> Topics<M> {
        fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<M>>> {
            self.shards.iter().map(|shard| shard.lock().unwrap())
        }
    }

    fn members(topics: &Topics<usize>, topic: &str) -> Vec<usize> {
        let mut members: Vec<_> = topics.members(topic).iter().copied().collect();
        members.sort_unstable();
        members
    }

    #[test]
    fn each_topic_has_its_own_members() {
        let topics = Topics::new();
        let (name, one) = topics.join("a", 1);
        let (same, _) = topics.join("a", 2);
        assert!(Arc::ptr_eq(&name, &same), "the name is kept once");
        topics.join("b", 1);
        assert_eq!(members(&topics, "a"), [1, 2]);
        assert_eq!(members(&topics, "b"), [1]);
        assert_eq!(
            [topics.len("a"), topics.len("b"), topics.len("c")],
            [2, 1, 0]
        );

        topics.leave("a", &one);
        assert_eq!(members(&topics, "a"), [2]);
        assert_eq!(members(&topics, "b"), [1]);
    }

    /// In every order in which members of some chunks may leave.
    #[test]
    fn those_who_stay_keep_their_places() {
        const MEMBERS: usize = 5 * CHUNK / 2;
        for step in [1, 3, 7, MEMBERS - 1] {
            let topics = Topics::new();
            let places: Vec<_> = (0..MEMBERS).map(|n| topics.join("a", n).1).collect();
            let mut left: HashSet<_> = (0..MEMBERS).collect();
            for n in (0..MEMBERS).map(|n| n * step % MEMBERS) {
                topics.leave("a", &places[n]);
                assert!(left.remove(&n));
                assert_eq!(topics.len("a"), left.len());
                let there: HashSet<_> = topics.members("a").iter().copied().collect();
                assert_eq!(there, left);
            }
        }
    }

    #[test]
    fn a_list_that_was_taken_does_not_change() {
        let topics = Topics::new();
        let places: Vec<_> = (0..100).map(|n| topics.join("a", n).1).collect();
        let taken = topics.members("a");
        for place in &places[..90] {
            topics.leave("a", place);
        }
        topics.join("a", 100);
        assert_eq!(taken.iter().count(), 100);
        assert!(taken.iter().copied().eq(0..100));
        assert_eq!(topics.len("a"), 11);
    }

    /// A chunk that is shared is copied. The others are the same as before.
    #[test]
    fn to_join_or_leave_copies_one_chunk_of_a_list_that_is_taken() {
        let topics = Topics::new();
        let places: Vec<_> = (0..100 * CHUNK).map(|n| topics.join("a", n).1).collect();
        let same = |taken: &Members<usize>| {
            let now = topics.members("a");
            let both = taken.chunks.iter().zip(&now.chunks);
            both.filter(|(one, other)| Arc::ptr_eq(one, other)).count()
        };
        let taken = topics.members("a");
        topics.join("a", 0);
        assert_eq!(same(&taken), 100);

        let taken = topics.members("a");
        topics.leave("a", &places[0]);
        assert_eq!(same(&taken), 99);
    }

    #[test]
    fn topics_without_members_are_forgotten() {
        let topics = Topics::new();
        let joined: Vec<_> = (0..100_000)
            .map(|n| topics.join(&n.to_string(), n))
            .collect();
        for (topic, place) in joined {
            topics.leave(&topic, &place);
        }
        for shard in topics.shards() {
            assert_eq!(shard.len(), 0);
            assert!(shard.capacity() <= 1024);
        }
    }

    #[test]
    fn a_topic_that_had_many_members_is_as_small_as_one_that_never_had() {
        let topics = Topics::new();
        let places: Vec<_> = (0..100_000).map(|n| topics.join("a", n).1).collect();
        for place in &places[1..] {
            topics.leave("a", place);
        }
        let members = topics.shards().find_map(|it| it.get("a").cloned());
        assert!(members.is_some_and(|it| it.chunks.capacity() <= 16 && it.len == 1));
    }

    /// A member whose drop looks at the table.
    struct Curious(Arc<Topics<Arc<Self>>>);

    impl Drop for Curious {
        fn drop(&mut self) {
            for shard in &self.0.shards {
                assert!(shard.try_lock().is_ok(), "dropped under the lock");
            }
        }
    }

    #[test]
    fn members_are_dropped_without_the_lock() {
        let topics = Arc::new(Topics::new());
        let member = || Arc::new(Curious(topics.clone()));
        let places: Vec<_> = (0..3).map(|_| topics.join("a", member()).1).collect();
        for place in places {
            topics.leave("a", &place);
        }
        assert_eq!(Arc::strong_count(&topics), 1);
    }
}
