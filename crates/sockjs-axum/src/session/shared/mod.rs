mod application;
mod receiver;
mod task;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sockjs_core::{
    Cause, CloseReason, Ending, Payload, ReceiveError, Session, SessionConfig, SessionState,
    Transport,
};

pub(super) use self::application::Outgoing;
pub(crate) use self::receiver::Next;
use super::belongings::{Belongings, TopicsOfMount};
use super::holds::Holds;
use super::opening::Opening;
use super::output::Output;
use super::sends::Sends;
use super::wakers::{Awaited, Wakers};
use crate::clock;
use crate::meter::{Meter, Volume};
use crate::sync::{Mutex, MutexGuard};

/// One session, shared by its task, its receiver, its send requests and the application.
///
/// Every method locks the session for a moment, changes it, unlocks it, and wakes the tasks whose
/// wait is over. The lock is never held across an `.await`, and no task is woken under the lock.
#[derive(Debug)]
pub(crate) struct Shared {
    opening: Opening,
    meter: Meter,
    live: Mutex<Live>,
    /// Boxed, and there from the first send request on, because a WebSocket has none.
    sends: OnceLock<Box<Sends>>,
    holds: Holds,
    belongings: Belongings<Arc<Self>>,
}

#[derive(Debug)]
struct Live {
    session: Session,
    /// The time that the session was last told, if the clock was read in the present run of the
    /// session's task. Reading it for every message would cost as much as the rest.
    clock: Option<Instant>,
    connection: Connection,
    output: Output,
    wakers: Wakers,
    /// Whether nothing keeps the session open, and the session's task is to close it.
    is_abandoned: bool,
    /// Whether the attached response is to end soon without loss.
    is_finishing: bool,
}

/// How a client is connected: by its last receive request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) remote_addr: Option<SocketAddr>,
}

/// Whether the receive buffer has room for a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Room {
    Left,
    Full,
}

impl Shared {
    /// Opens a session. Its first receiver is attached.
    pub(super) fn open(
        opening: Opening,
        connection: Connection,
        meter: Meter,
        config: Arc<SessionConfig>,
        topics: Arc<TopicsOfMount<Arc<Self>>>,
    ) -> Self {
        let now = clock::now();
        let mut session = Session::new(now, config);
        session.attach(now).expect("a new session has no receiver");
        Self {
            opening,
            meter,
            live: Mutex::new(Live {
                session,
                clock: None,
                connection,
                output: Output::default(),
                wakers: Wakers::default(),
                is_abandoned: false,
                is_finishing: false,
            }),
            sends: OnceLock::new(),
            holds: Holds::new(),
            belongings: Belongings::new(topics),
        }
    }

    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn sends(&self) -> &Sends {
        self.sends.get_or_init(Default::default)
    }

    pub(super) fn belongings(&self) -> &Belongings<Arc<Self>> {
        &self.belongings
    }

    /// Ends the send requests of a session that is over.
    pub(crate) fn end_sends(&self) {
        // A request may have found the session, and not have entered it. A session without a key is
        // not found.
        if self.opening.key.is_some() {
            self.sends().end();
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        self.lock().connection
    }

    pub(super) fn state(&self) -> SessionState {
        self.lock().session.state()
    }

    /// Returns whether the session is closing or closed.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state(), SessionState::Closing | SessionState::Closed)
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.lock().session.ending().cloned()
    }

    pub(crate) fn disconnect_delay(&self) -> Duration {
        self.lock().session.config().disconnect_delay()
    }

    /// Closes the session: the client is sent all queued messages, then the close frame. Returns whether
    /// the session was not closing already.
    pub(crate) fn close(&self, reason: CloseReason, cause: Cause) -> bool {
        self.update(|live| {
            let state = live.session.state();
            live.close(reason, cause);
            matches!(state, SessionState::Connecting | SessionState::Open)
        })
    }

    /// Ends the session at once.
    pub(crate) fn abort(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| live.session.abort(reason, cause));
    }
}

/// For payloads from the client.
impl Shared {
    /// Waits until the receive buffer has room for a payload. It also ends when the session is not
    /// open, because the payload is then refused at once.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut live = self.lock();
        if live.session.has_room() || live.session.state() != SessionState::Open {
            live.wakers.set(Awaited::Room, None);
            return Poll::Ready(());
        }
        live.wakers.set(Awaited::Room, Some(cx));
        Poll::Pending
    }

    /// Queues a payload for the application. Returns whether there is room for another one.
    pub(super) fn post(&self, payload: Payload) -> Result<Room, ReceiveError> {
        let volume = Volume::of(&payload);
        let room = self.update(|live| {
            live.session.handle_payload(payload)?;
            Ok(if live.session.has_room() {
                Room::Left
            } else {
                Room::Full
            })
        })?;
        self.meter.received(volume);
        Ok(room)
    }
}

impl Shared {
    /// Changes the session, and wakes the tasks whose wait is over.
    fn update<R>(&self, change: impl FnOnce(&mut Live) -> R) -> R {
        let mut live = self.lock();
        let result = change(&mut live);
        let Live {
            session,
            wakers,
            output,
            ..
        } = &mut *live;
        // Dropped when the session is unlocked.
        let _unread = if !output.is_empty() && session.ending().is_some() {
            output.take()
        } else {
            None
        };
        if !wakers.is_left_to_task() {
            let due = wakers.take_due(session);
            drop(live);
            due.wake();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        // A panic under the lock leaves the session whole, so that a poisoned lock is no reason to
        // give up.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Reads the clock. Every time that the session is told comes from here, so that it never goes
    /// back.
    fn read_clock(&mut self) -> Instant {
        let now = clock::now();
        self.clock = Some(now);
        now
    }

    /// Returns the time as it was last read in this run of the task, or else reads the clock.
    fn recent_time(&mut self) -> Instant {
        match self.clock {
            Some(time) => time,
            None => self.read_clock(),
        }
    }

    fn close(&mut self, reason: CloseReason, cause: Cause) {
        let now = self.read_clock();
        self.session.close(now, reason, cause);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    /// A session that is idle takes little more than this. Whoever makes a type grow does it on purpose.
    #[test]
    fn types_that_every_session_has_stay_small() {
        assert!(size_of::<super::Session>() <= 192);
        assert!(size_of::<super::Wakers>() <= 56);
        assert!(size_of::<super::Opening>() <= 112);
        assert!(size_of::<super::Live>() <= 320);
        // Metrics are a feature.
        assert!(size_of::<super::Shared>() - size_of::<super::Meter>() <= 488);
    }
}
