use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use sockjs_axum::{Message, SessionRef, SlowPolicy, Topic};

use crate::name::Name;
use crate::protocol::{Event, Goodbye};

/// All rooms. One is made by who enters it first, and kept with its history until another needs
/// the place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<Name, Arc<Room>>>>);

impl Rooms {
    pub(crate) fn find(&self, name: Name) -> Result<Arc<Room>, Goodbye> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&name) {
            return Ok(room.clone());
        }
        if rooms.len() >= MAX_ROOMS {
            // Whoever is in a room, or about to be, has a clone, and none is made without the lock.
            let empty = rooms.iter().find(|(_, room)| Arc::strong_count(room) == 1);
            let empty = empty.map(|(name, _)| name.clone());
            rooms.remove(&empty.ok_or(Goodbye::TOO_MANY_ROOMS)?);
        }
        let room = Arc::new(Room {
            name: name.clone(),
            history: tokio::sync::Mutex::default(),
        });
        rooms.insert(name, room.clone());
        Ok(room)
    }
}

/// A room. Its members are those of a topic, and their nicknames are values of their sessions.
#[derive(Debug)]
pub(crate) struct Room {
    name: Name,
    /// Locked by who tells the room something, so that all hear it in the same order.
    history: tokio::sync::Mutex<VecDeque<Message>>,
}

impl Room {
    /// Seats a session: it is sent what was said here lately, then all that is said.
    pub(crate) async fn enter(&self, nickname: &Name, session: &SessionRef) {
        let history = self.history.lock().await;
        let topic = session.topic(&self.name);
        if !has(&topic, nickname) {
            tell(&topic, Event::Came { nickname }.to_message()).await;
        }
        session.insert(nickname.clone());
        if session.join(&self.name).is_err() {
            // The session is over, as the next `recv` says.
            return;
        }
        let mut members: Vec<_> = topic.sessions().filter_map(|it| it.get()).collect();
        members.sort_unstable();
        members.dedup();
        let joined = Event::Joined {
            room: &self.name,
            members,
            history: history.len(),
        };
        for message in [&joined.to_message()].into_iter().chain(&*history) {
            // There is room for all of them.
            let _ = session.try_send(message.clone());
        }
    }

    /// Says something to everybody in the room, oneself included, and to those who come later.
    pub(crate) async fn say(&self, nickname: &Name, text: &str, session: &SessionRef) {
        let said = Event::said(nickname, text).to_message();
        let mut history = self.history.lock().await;
        tell(&session.topic(&self.name), said.clone()).await;
        if history.len() >= HISTORY_LEN {
            history.pop_front();
        }
        history.push_back(said);
    }

    pub(crate) async fn leave(&self, nickname: &Name, session: &SessionRef) {
        let _history = self.history.lock().await;
        let topic = session.topic(&self.name);
        session.leave(&self.name);
        if !has(&topic, nickname) {
            tell(&topic, Event::Left { nickname }.to_message()).await;
        }
    }
}

/// One who reconnects may be here twice for a while.
fn has(topic: &Topic, nickname: &Name) -> bool {
    topic
        .sessions()
        .any(|it| it.get().as_ref() == Some(nickname))
}

/// Who does not keep up is shown out, and nobody waits for them: their send buffer holds a thousand
/// usual messages.
async fn tell(topic: &Topic, message: Message) {
    topic.send(message, SlowPolicy::Close).await;
}

const MAX_ROOMS: usize = 100;

/// How many messages a room remembers. At their longest they fit into an empty send buffer.
const HISTORY_LEN: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_room_makes_way_for_a_new_one() {
        let rooms = Rooms::default();
        let name = |n: usize| Name::try_from(n.to_string()).expect("a good name");
        let mut taken: Vec<_> = (0..MAX_ROOMS).map(|n| rooms.find(name(n))).collect();
        assert!(taken.iter().all(Result::is_ok));
        assert_eq!(
            rooms.find(name(MAX_ROOMS)).err(),
            Some(Goodbye::TOO_MANY_ROOMS)
        );

        taken.pop();
        assert!(rooms.find(name(MAX_ROOMS)).is_ok());
    }
}
