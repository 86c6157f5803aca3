use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockjs_axum::{Message, SessionRef, TrySendError};
use uuid::Uuid;

use crate::name::Name;
use crate::protocol::{Event, Goodbye};

/// All rooms. One is made by who enters it first, and kept with its history until another needs
/// the place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<Name, Arc<Room>>>>);

impl Rooms {
    /// Seats a session in a room: it is sent what was said there lately, then all that is said.
    pub(crate) fn enter(
        &self,
        room: Name,
        nickname: Name,
        session: SessionRef,
    ) -> Result<Seat, Goodbye> {
        let found = self.find(&room)?;
        Ok(found.seat(&room, nickname, session))
    }

    fn find(&self, name: &Name) -> Result<Arc<Room>, Goodbye> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(name) {
            return Ok(room.clone());
        }
        if rooms.len() >= MAX_ROOMS {
            // Whoever is in a room, or about to be, has a clone, and none is made without the lock.
            let empty = rooms.iter().find(|(_, room)| Arc::strong_count(room) == 1);
            let empty = empty.map(|(name, _)| name.clone());
            rooms.remove(&empty.ok_or(Goodbye::TOO_MANY_ROOMS)?);
        }
        Ok(rooms.entry(name.clone()).or_default().clone())
    }
}

#[derive(Debug, Default)]
struct Room(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    history: VecDeque<Message>,
    /// By the ids of their sessions; one who reconnects may be here twice for a while.
    members: HashMap<Uuid, Member>,
}

#[derive(Debug)]
struct Member {
    nickname: Name,
    /// Does not keep the session open.
    session: SessionRef,
}

impl Room {
    fn seat(self: Arc<Self>, name: &Name, nickname: Name, session: SessionRef) -> Seat {
        let id = session.id();
        let mut inside = self.lock();
        if !inside.has(&nickname) {
            let nickname = &nickname;
            inside.tell(&Event::Came { nickname }.to_message());
        }
        let member = Member {
            nickname: nickname.clone(),
            session,
        };
        inside.members.insert(id, member);
        inside.welcome(name, id);
        drop(inside);
        Seat {
            room: self,
            nickname,
            id,
        }
    }

    /// What is done under the lock never waits, so that nobody waits for it.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Tells a new member who is here and what was said.
    fn welcome(&self, name: &Name, id: Uuid) {
        let mut members: Vec<_> = self.members.values().map(|it| &it.nickname).collect();
        members.sort_unstable();
        members.dedup();
        let joined = Event::Joined {
            room: name,
            members,
            history: self.history.len(),
        };
        let newcomer = &self.members[&id];
        newcomer.tell(&joined.to_message());
        self.history.iter().for_each(|said| newcomer.tell(said));
    }

    /// Sends a message to everybody here. All get clones of one, so that it is quoted once.
    fn tell(&self, message: &Message) {
        self.members
            .values()
            .for_each(|member| member.tell(message));
    }

    fn has(&self, nickname: &Name) -> bool {
        self.members.values().any(|it| it.nickname == *nickname)
    }
}

impl Member {
    /// Queues a message. Who does not keep up is shown out, and nobody waits for them: their send
    /// buffer holds a thousand usual messages.
    fn tell(&self, message: &Message) {
        if let Err(TrySendError::Full(_)) = self.session.try_send(message.clone()) {
            let Goodbye { code, reason } = Goodbye::TOO_SLOW;
            self.session.close(code, reason);
        }
    }
}

/// A place in a room. Dropping it leaves the room.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    nickname: Name,
    id: Uuid,
}

impl Seat {
    /// Says something to everybody in the room, oneself included, and to those who come later.
    pub(crate) fn say(&self, text: &str) {
        let said = Event::said(&self.nickname, text).to_message();
        let mut inside = self.room.lock();
        inside.tell(&said);
        if inside.history.len() >= HISTORY_LEN {
            inside.history.pop_front();
        }
        inside.history.push_back(said);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.room.lock();
        inside.members.remove(&self.id);
        if !inside.has(&self.nickname) {
            let nickname = &self.nickname;
            inside.tell(&Event::Left { nickname }.to_message());
        }
    }
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
        let mut taken: Vec<_> = (0..MAX_ROOMS).map(|n| rooms.find(&name(n))).collect();
        assert!(taken.iter().all(Result::is_ok));
        assert_eq!(
            rooms.find(&name(MAX_ROOMS)).err(),
            Some(Goodbye::TOO_MANY_ROOMS)
        );

        taken.pop();
        assert!(rooms.find(&name(MAX_ROOMS)).is_ok());
    }
}
