//! What one message to many sessions costs, and to join and leave.

use sockjs_axum::{SessionRef, SlowPolicy, SockJsHandle, SockJsLayer};

use crate::cases::{Case, Client, read};

pub(crate) fn all() -> Vec<Case> {
    vec![
        broadcast("many/broadcast/500", 500),
        topic("many/topic/500-of-500", 500),
        topic("many/topic/500-of-10000", 10_000),
        joining("many/join/10", 10),
        joining("many/join/100000", 100_000),
    ]
}

/// A message to all of so many sessions.
fn broadcast(name: &'static str, sessions: usize) -> Case {
    let mut many = Lazy::new(sessions);
    Case::new(name, move || {
        let many = many.get();
        let sent = many.handle.broadcast(MESSAGE, SlowPolicy::Skip);
        assert_eq!(many.client.runtime.block_on(sent).sent, sessions);
        many.sent();
    })
}

/// A message to 500 of so many sessions.
fn topic(name: &'static str, sessions: usize) -> Case {
    let mut many = Lazy::new(sessions);
    Case::new(name, move || {
        let many = many.get();
        let sent = many.handle.topic(TOPIC);
        let sent = sent.send(MESSAGE, SlowPolicy::Skip);
        assert_eq!(many.client.runtime.block_on(sent).sent, MEMBERS);
        many.sent();
    })
}

/// A session that joins a topic of so many members, and leaves it.
fn joining(name: &'static str, members: usize) -> Case {
    let mut many = Lazy::new(members + 1);
    let mut other = None;
    Case::new(name, move || {
        let many = many.get();
        let other = other.get_or_insert_with(|| many.join_all_but_one("all"));
        assert!(other.join("all").is_ok());
        assert!(other.leave("all"));
    })
}

/// Sessions that are opened when they are needed, because not all cases are run.
struct Lazy {
    sessions: usize,
    many: Option<Many>,
}

impl Lazy {
    fn new(sessions: usize) -> Self {
        Self {
            sessions,
            many: None,
        }
    }

    fn get(&mut self) -> &mut Many {
        let sessions = self.sessions;
        self.many.get_or_insert_with(|| Many::open(sessions))
    }
}

/// Many sessions. Between two polls, so that nobody takes what they are sent.
struct Many {
    client: Client,
    handle: SockJsHandle,
    sessions: usize,
    sent: usize,
}

impl Many {
    fn open(sessions: usize) -> Self {
        let layer = SockJsLayer::new("/echo").on_session(read);
        let handle = layer.handle();
        let mut many = Self {
            client: Client::new(layer),
            handle,
            sessions,
            sent: 0,
        };
        many.poll();
        for session in many.handle.sessions().take(MEMBERS) {
            assert!(session.join(TOPIC).is_ok());
        }
        many
    }

    fn poll(&mut self) {
        for n in 0..self.sessions {
            self.client.poll_as(&format!("{n:08}"));
        }
    }

    /// Empties the send buffers before they are full.
    fn sent(&mut self) {
        self.sent += 1;
        if self.sent % 5000 == 0 {
            // A poll without a message would wait.
            let all = self.handle.broadcast(MESSAGE, SlowPolicy::Skip);
            self.client.runtime.block_on(all);
            self.poll();
        }
    }

    fn join_all_but_one(&self, topic: &str) -> SessionRef {
        let mut sessions = self.handle.sessions();
        let one = sessions.next().expect("there are sessions");
        assert!(sessions.all(|session| session.join(topic).is_ok()));
        one
    }
}

const TOPIC: &str = "room";
const MEMBERS: usize = 500;
const MESSAGE: &str = "The quick brown fox jumps over ";
