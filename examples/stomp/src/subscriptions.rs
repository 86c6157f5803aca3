use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockjs_axum::{Message, SessionRef, TrySendError};

use crate::content::Content;
use crate::frame::{Command, Frame};
use crate::version::Version;

/// What one session subscribed to.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    version: Version,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    topics: HashMap<Key, String>,
    /// The other way round.
    keys: HashMap<String, Vec<Key>>,
}

/// What a client names a subscription by.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Key {
    Id(Arc<str>),
    /// In version 1.0, a subscription without an id is known by its destination.
    Destination(String),
}

/// The session has a subscription of that key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct InUse;

/// Whether a session needs a topic any longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    Still,
    Last,
}

impl Subscriptions {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            version,
            table: Mutex::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().topics.len()
    }

    pub(crate) fn insert(&self, key: Key, topic: String) -> Result<(), InUse> {
        let mut table = self.lock();
        if table.topics.contains_key(&key) {
            return Err(InUse);
        }
        table.topics.insert(key.clone(), topic.clone());
        table.keys.entry(topic).or_default().push(key);
        Ok(())
    }

    /// Removes a subscription, and returns its topic.
    pub(crate) fn remove(&self, key: &Key) -> Option<(String, Need)> {
        let mut table = self.lock();
        let topic = table.topics.remove(key)?;
        let keys = table.keys.get_mut(&topic)?;
        keys.retain(|other| other != key);
        if !keys.is_empty() {
            return Some((topic, Need::Still));
        }
        table.keys.remove(&topic);
        Some((topic, Need::Last))
    }

    /// Queues a message for each subscription to `topic`, and returns how many were queued.
    ///
    /// It waits for nobody: a session whose buffer is full is closed, so that nobody has to wait for a client
    /// that does not keep up. The lock is held meanwhile, so that nothing comes after the receipt of an
    /// UNSUBSCRIBE.
    pub(crate) fn deliver(
        &self,
        session: &SessionRef,
        topic: &str,
        outgoing: &mut Outgoing<'_>,
    ) -> usize {
        let table = self.lock();
        let Some(keys) = table.keys.get(topic) else {
            return 0;
        };
        let mut queued = 0;
        for key in keys {
            match session.try_send(outgoing.message(self.version, key)) {
                Ok(()) => queued += 1,
                Err(TrySendError::Full(_)) => session.close(4001, "Too slow"),
                Err(_) => {}
            }
        }
        queued
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message on its way to all subscribers of a topic.
///
/// A MESSAGE frame has the id of the subscription in it. Most clients count their subscriptions from zero, so
/// that many sessions have the same id. The frame is encoded once for each id, and quoted by SockJS once.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) number: u64,
    pub(crate) destination: &'a str,
    pub(crate) content: &'a Content,
    encoded: HashMap<(Version, Option<Arc<str>>), Message>,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(number: u64, destination: &'a str, content: &'a Content) -> Self {
        Self {
            number,
            destination,
            content,
            encoded: HashMap::new(),
        }
    }

    fn message(&mut self, version: Version, key: &Key) -> Message {
        let id = match key {
            Key::Id(id) => Some(id.clone()),
            Key::Destination(_) => None,
        };
        if let Some(message) = self.encoded.get(&(version, id.clone())) {
            return message.clone();
        }
        let message = Message::from(self.encode(version, id.as_deref()));
        self.encoded.insert((version, id), message.clone());
        message
    }

    fn encode(&self, version: Version, id: Option<&str>) -> String {
        let mut frame = Frame::new(Command::Message);
        if let Some(id) = id {
            frame = frame.header("subscription", id);
        }
        frame = frame
            .header("message-id", self.number.to_string())
            .header("destination", self.destination);
        for (name, value) in self.content.headers().iter() {
            frame = frame.header(name, value);
        }
        frame.body(self.content.body()).encode(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> Key {
        Key::Id(id.into())
    }

    #[test]
    fn a_topic_is_needed_until_its_last_subscription_is_gone() {
        let subscriptions = Subscriptions::new(Version::V1_2);
        let topic = || "t".to_owned();
        assert_eq!(subscriptions.insert(id("0"), topic()), Ok(()));
        assert_eq!(subscriptions.insert(id("1"), topic()), Ok(()));
        assert_eq!(subscriptions.insert(id("0"), topic()), Err(InUse));
        assert_eq!(subscriptions.remove(&id("0")), Some((topic(), Need::Still)));
        assert_eq!(subscriptions.remove(&id("0")), None);
        assert_eq!(subscriptions.remove(&id("1")), Some((topic(), Need::Last)));
        assert_eq!(subscriptions.insert(id("0"), topic()), Ok(()));
    }

    #[test]
    fn a_frame_is_encoded_once_for_each_version_and_id() {
        let content = Content::new("x").header("a", "b:c");
        let mut outgoing = Outgoing::new(7, "/t", &content);
        let first = outgoing.message(Version::V1_2, &id("0"));
        assert_eq!(
            &*first,
            "MESSAGE\nsubscription:0\nmessage-id:7\ndestination:/t\na:b\\cc\ncontent-length:1\n\nx\0"
        );
        let same = outgoing.message(Version::V1_2, &id("0"));
        assert_eq!(first.as_ptr(), same.as_ptr());

        let other = outgoing.message(Version::V1_2, &id("1"));
        assert!(other.contains("subscription:1\n"));
        let old = outgoing.message(Version::V1_0, &Key::Destination("/t".to_owned()));
        assert_eq!(
            &*old,
            "MESSAGE\nmessage-id:7\ndestination:/t\na:b:c\ncontent-length:1\n\nx\0"
        );
    }
}
