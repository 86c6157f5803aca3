//! The room that the sessions of `/broadcast` share.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use sockjs_axum::Message;
use tokio::sync::mpsc::{self, error::SendTimeoutError};

use crate::stats::Gauge;

/// How many messages wait for one session before who speaks waits for it.
const BACKLOG: usize = 64;

/// For how long. A session that still has no room then is turned out, so a slow client holds the
/// others up once, and a server that is busy for a moment loses nothing.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(crate) struct Room {
    gauge: Gauge,
    seats: Arc<Mutex<Vec<mpsc::Sender<Message>>>>,
    /// One speaks at a time, so that all hear the same order.
    floor: Arc<tokio::sync::Mutex<()>>,
}

impl Room {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self {
            gauge,
            seats: Arc::default(),
            floor: Arc::default(),
        }
    }

    /// Hands the message to every session. Its clones share one encoding.
    pub(crate) async fn say(&self, message: Message) {
        let _floor = self.floor.lock().await;
        let seats = self.seats().clone();
        for seat in seats {
            let sent = seat.send_timeout(message.clone(), PATIENCE).await;
            if let Err(SendTimeoutError::Timeout(_)) = sent {
                self.seats().retain(|other| !other.same_channel(&seat));
            }
        }
    }

    fn take_seat(&self) -> Seat {
        let (sender, messages) = mpsc::channel(BACKLOG);
        let mut seats = self.seats();
        seats.retain(|seat| !seat.is_closed());
        seats.push(sender);
        Seat { messages }
    }

    fn seats(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Message>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRef<Room> for Gauge {
    fn from_ref(room: &Room) -> Self {
        room.gauge.clone()
    }
}

/// A place in the room.
///
/// It is an extractor, and so taken before the client hears that its session is open: the client
/// misses nothing that is said after that.
#[derive(Debug)]
pub(crate) struct Seat {
    messages: mpsc::Receiver<Message>,
}

impl Seat {
    /// Waits for the next message; `None` for a session that was turned out.
    pub(crate) async fn hear(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl FromRequestParts<Room> for Seat {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, room: &Room) -> Result<Self, Infallible> {
        Ok(room.take_seat())
    }
}
