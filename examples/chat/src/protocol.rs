//! What the page and the server say to each other: JSON in SockJS messages.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sockjs_axum::Message;

use crate::name::Name;

/// What a session says first: who it is, and where it wants to go.
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    pub(crate) token: String,
    pub(crate) room: String,
}

/// What it says from then on.
#[derive(Debug, Deserialize)]
pub(crate) struct Say {
    pub(crate) text: String,
}

/// What it hears.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Event<'a> {
    /// The answer to [`Hello`]; so many messages of the room's history follow.
    Joined {
        room: &'a Name,
        members: Vec<Name>,
        history: usize,
    },
    Said {
        nickname: &'a Name,
        text: &'a str,
        /// In milliseconds since 1970.
        at: u64,
    },
    Came {
        nickname: &'a Name,
    },
    Left {
        nickname: &'a Name,
    },
    /// The answer to something that was not passed on.
    Refused {
        reason: &'static str,
    },
}

impl Event<'_> {
    /// Encodes the event. Clones of the message share that work, and its quoting by SockJS.
    pub(crate) fn to_message(&self) -> Message {
        Message::from_json(self).expect("text, numbers and lists are JSON")
    }

    pub(crate) fn said<'a>(nickname: &'a Name, text: &'a str) -> Event<'a> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = since.map_or(0, |since| since.as_millis() as u64);
        Event::Said { nickname, text, at }
    }
}

/// Why the server ends a session: a close code of the application's own, and a text for people.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Goodbye {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

impl Goodbye {
    pub(crate) const NOT_UNDERSTOOD: Self = Self::new(4400, "Not understood");
    pub(crate) const LOG_IN_FIRST: Self = Self::new(4401, "Log in first");
    pub(crate) const TOO_MANY_ROOMS: Self = Self::new(4429, "Too many rooms");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}
