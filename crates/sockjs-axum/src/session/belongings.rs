use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::error::JoinError;
use crate::panics::{drop_panic, panic_message};
use crate::sync::{Mutex, MutexGuard};
use crate::topics::{Place, Topics};

/// What the application keeps with a session: values, and the topics that the session is in.
///
/// The lock is taken before that of a topic's shard, and never while that is held. Values are cloned and
/// dropped without the lock.
pub(super) struct Belongings<M> {
    mount: Arc<TopicsOfMount<M>>,
    /// Boxed, and there only while there is something, because most sessions never have anything.
    kept: Mutex<Option<Box<Kept>>>,
}

/// The topics of a mount, as its sessions see them.
#[derive(Debug)]
pub(crate) struct TopicsOfMount<M> {
    pub(crate) topics: Arc<Topics<M>>,
    /// How many topics a session may be in.
    pub(crate) max_topics: usize,
}

#[derive(Default)]
struct Kept {
    topics: HashMap<Arc<str>, Place>,
    /// One of each type, so that there are no more than the program has types.
    values: Vec<Value>,
}

/// Shared, so that it can be cloned without the lock.
type Value = Arc<dyn Any + Send + Sync>;

/// For the topics of a session.
impl<M: Clone> Belongings<M> {
    pub(super) fn new(mount: Arc<TopicsOfMount<M>>) -> Self {
        Self {
            mount,
            kept: Mutex::default(),
        }
    }

    pub(super) fn mount(&self) -> &TopicsOfMount<M> {
        &self.mount
    }

    /// Joins a topic, if the session is open.
    ///
    /// A session [leaves](Self::leave_all) its topics after it has ended. `is_open` is asked under the
    /// lock, so that a session that ends later finds the topic among those that it leaves.
    pub(super) fn join(
        &self,
        topic: &str,
        session: &M,
        is_open: impl FnOnce() -> bool,
    ) -> Result<(), JoinError> {
        if topic.len() > MAX_TOPIC_LEN {
            return Err(JoinError::NameTooLong);
        }
        let mut kept = self.lock();
        if !is_open() {
            return Err(JoinError::Closed);
        }
        let topics = kept.as_ref().map(|kept| &kept.topics);
        if topics.is_some_and(|topics| topics.contains_key(topic)) {
            return Ok(());
        }
        if topics.map_or(0, HashMap::len) >= self.mount.max_topics {
            return Err(JoinError::TooManyTopics);
        }
        let (name, place) = self.mount.topics.join(topic, session.clone());
        kept.get_or_insert_default().topics.insert(name, place);
        Ok(())
    }

    /// Leaves a topic. Returns whether the session was in it.
    pub(super) fn leave(&self, topic: &str) -> bool {
        let mut kept = self.lock();
        let place = kept.as_mut().and_then(|kept| kept.topics.remove(topic));
        let Some(place) = place else {
            return false;
        };
        // Under the lock, because a session that joins again meanwhile would be a member twice.
        self.mount.topics.leave(topic, &place);
        free_if_empty(&mut kept);
        true
    }

    /// Leaves all topics, because the session is over.
    pub(super) fn leave_all(&self) {
        let mut kept = self.lock();
        let topics = kept.as_mut().map(|kept| mem::take(&mut kept.topics));
        free_if_empty(&mut kept);
        drop(kept);
        for (topic, place) in topics.into_iter().flatten() {
            self.mount.topics.leave(&topic, &place);
        }
    }

    pub(super) fn topics(&self) -> Vec<Arc<str>> {
        let kept = self.lock();
        let topics = kept.iter().flat_map(|kept| kept.topics.keys());
        topics.cloned().collect()
    }
}

/// For the values of a session.
impl<M> Belongings<M> {
    /// Keeps a value, and returns the one of the same type that it replaces. `may_keep` is asked under
    /// the lock: the values of a session that is abandoned later are [dropped](Self::drop_values), and
    /// those of one that was abandoned before are not kept.
    pub(super) fn insert<T: Clone + Send + Sync + 'static>(
        &self,
        value: T,
        may_keep: impl FnOnce() -> bool,
    ) -> Option<T> {
        let value: Value = Arc::new(value);
        let replaced = {
            let mut kept = self.lock();
            if may_keep() {
                let values = &mut kept.get_or_insert_default().values;
                match values.iter_mut().find(|value| value.is::<T>()) {
                    Some(old) => Some(mem::replace(old, value)),
                    None => {
                        values.push(value);
                        None
                    }
                }
            } else {
                None
            }
        };
        replaced.and_then(unwrap)
    }

    pub(super) fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let value = {
            let kept = self.lock();
            let mut values = kept.iter().flat_map(|kept| &kept.values);
            values.find(|value| value.is::<T>()).cloned()
        };
        value.and_then(unwrap)
    }

    pub(super) fn remove<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let value = {
            let mut kept = self.lock();
            let values = &mut kept.as_mut()?.values;
            let at = values.iter().position(|value| value.is::<T>())?;
            let value = values.swap_remove(at);
            free_if_empty(&mut kept);
            value
        };
        unwrap(value)
    }

    /// Drops the values, because nobody serves the session any more. A value that panics harms nobody.
    pub(super) fn drop_values(&self) {
        let values = {
            let mut kept = self.lock();
            let values = kept.as_mut().map(|kept| mem::take(&mut kept.values));
            free_if_empty(&mut kept);
            values
        };
        values.into_iter().flatten().for_each(drop_value);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the mount out, because it knows all its sessions.
impl<M> fmt::Debug for Belongings<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Belongings").finish_non_exhaustive()
    }
}

/// A session without topics and values costs no more than one that never had any.
fn free_if_empty(kept: &mut Option<Box<Kept>>) {
    if kept
        .as_ref()
        .is_some_and(|kept| kept.topics.is_empty() && kept.values.is_empty())
    {
        *kept = None;
    }
}

fn unwrap<T: Clone + Send + Sync + 'static>(value: Value) -> Option<T> {
    value.downcast().ok().map(Arc::unwrap_or_clone)
}

fn drop_value(value: Value) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        tracing::error!(
            panic = panic_message(&*panic),
            "value of a session panicked"
        );
        drop_panic(panic);
    }
}

/// How long the name of a topic may be, in bytes.
const MAX_TOPIC_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// The belongings of a session that may be in three topics.
    fn belongings() -> Belongings<u32> {
        Belongings::new(Arc::new(TopicsOfMount {
            topics: Arc::new(Topics::new()),
            max_topics: 3,
        }))
    }

    fn is_free(belongings: &Belongings<u32>) -> bool {
        belongings.lock().is_none()
    }

    #[test]
    fn nothing_costs_24_bytes() {
        assert_eq!(size_of::<Belongings<u32>>(), 24);
        let belongings = belongings();
        assert!(is_free(&belongings));

        belongings.join("a", &1, || true).expect("it is the first");
        belongings.insert("x", || true);
        assert!(belongings.leave("a"));
        assert_eq!(belongings.remove::<&str>(), Some("x"));
        assert!(is_free(&belongings));

        belongings.join("a", &1, || true).expect("it is the first");
        belongings.insert("x", || true);
        belongings.leave_all();
        belongings.drop_values();
        assert!(is_free(&belongings));
    }

    #[test]
    fn there_is_one_value_of_each_type() {
        let belongings = belongings();
        assert_eq!(belongings.insert(1_u8, || true), None);
        assert_eq!(belongings.insert(2_u16, || true), None);
        assert_eq!(belongings.insert(3_u8, || true), Some(1));
        assert_eq!(belongings.get::<u8>(), Some(3));
        assert_eq!(belongings.get::<u16>(), Some(2));
        assert_eq!(belongings.get::<u32>(), None);
        assert_eq!(belongings.remove::<u8>(), Some(3));
        assert_eq!(
            (belongings.remove::<u8>(), belongings.get::<u8>()),
            (None, None)
        );
        assert_eq!(belongings.get::<u16>(), Some(2));
    }

    /// A value that looks whether the lock is held when it is cloned or dropped.
    struct Curious(Arc<Belongings<u32>>);

    impl Curious {
        fn look(&self) {
            assert!(self.0.kept.try_lock().is_ok(), "the lock is held");
        }
    }

    impl Clone for Curious {
        fn clone(&self) -> Self {
            self.look();
            Self(self.0.clone())
        }
    }

    impl Drop for Curious {
        fn drop(&mut self) {
            self.look();
        }
    }

    #[test]
    fn values_are_cloned_and_dropped_without_the_lock() {
        let belongings = Arc::new(belongings());
        let value = || Curious(belongings.clone());
        drop(belongings.insert(value(), || true));
        drop(belongings.insert(value(), || true));
        drop(belongings.get::<Curious>());
        drop(belongings.remove::<Curious>());
        drop(belongings.insert(value(), || false));
        assert!(is_free(&belongings));
        drop(belongings.insert(value(), || true));
        belongings.drop_values();
        assert_eq!(Arc::strong_count(&belongings), 1);
    }
}
