//! Which sessions subscribed to which topic.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockjs_axum::SessionRef;
use uuid::Uuid;

use crate::application::Audience;
use crate::subscriptions::Subscriptions;

/// The sessions of each topic. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<String, Members>>>);

type Members = HashMap<Uuid, Member>;

/// A session in a topic, and what it subscribed to.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) session: SessionRef,
    pub(crate) subscriptions: Arc<Subscriptions>,
}

impl Rooms {
    pub(crate) fn join(&self, topic: &str, member: Member) {
        let mut rooms = self.lock();
        let members = rooms.entry(topic.to_owned()).or_default();
        members.insert(member.session.id(), member);
    }

    pub(crate) fn leave(&self, topic: &str, session: Uuid) {
        let mut rooms = self.lock();
        let Some(members) = rooms.get_mut(topic) else {
            return;
        };
        members.remove(&session);
        if members.is_empty() {
            rooms.remove(topic);
        }
    }

    pub(crate) fn members(&self, topic: &str) -> Vec<Member> {
        let rooms = self.lock();
        let members = rooms.get(topic).into_iter().flat_map(HashMap::values);
        members.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Members>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the topic of a destination. No destination that a client names is the topic of somebody else's
/// private messages.
pub(crate) fn topic(audience: &Audience, destination: &str) -> String {
    match audience {
        Audience::Everybody => format!("all:{destination}"),
        Audience::Only(name) => format!("only:{}:{name}:{destination}", name.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_audiences_share_a_topic() {
        let only =
            |name: &str, destination: &str| topic(&Audience::Only(name.to_owned()), destination);
        assert_ne!(only("a", "b:c"), only("a:b", "c"));
        assert_ne!(only("a", "/b"), topic(&Audience::Everybody, "only:1:a:/b"));
    }
}
