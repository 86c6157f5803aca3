use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use sockjs_core::{
    AttachError, Cause, CloseReason, Ending, Event, Frame, Message, Payload, ReceiveError, Session,
    SessionConfig, SessionState, Transport,
};

use super::opening::Opening;
use super::sends::Sends;
use super::wakers::{Awaited, Parking, Wakers};
use crate::clock;
use crate::error::{SendError, TrySendError};
use crate::meter::{Meter, Volume};

/// One session, shared by its task, its receiver, its send requests and the application.
///
/// Every method locks the session for a moment, changes it, unlocks it, and wakes the tasks whose
/// wait is over. The lock is never held across an `.await`, and no task is woken under the lock.
#[derive(Debug)]
pub(crate) struct Shared {
    opening: Opening,
    meter: Meter,
    live: Mutex<Live>,
    sends: Sends,
    /// How many `Session`, `Sender` and `Receiver` handles keep the session open.
    handles: AtomicUsize,
}

#[derive(Debug)]
struct Live {
    session: Session,
    /// The time that the session was last told, if the clock was read in the present run of the
    /// session's task. Reading it for every message would cost as much as the rest.
    clock: Option<Instant>,
    connection: Connection,
    wakers: Wakers,
}

/// How a client is connected: by its last receive request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) remote_addr: Option<SocketAddr>,
}

/// Whether another frame is ready after one that was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Ready,
    Later,
}

impl Shared {
    /// Opens a session. Its first receiver is attached.
    pub(super) fn open(
        opening: Opening,
        connection: Connection,
        meter: Meter,
        config: Arc<SessionConfig>,
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
                wakers: Wakers::default(),
            }),
            sends: Sends::new(),
            handles: AtomicUsize::new(0),
        }
    }

    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn sends(&self) -> &Sends {
        &self.sends
    }

    /// Ends the send requests of a session that is over.
    pub(crate) fn end_sends(&self) {
        self.sends.end();
    }

    pub(crate) fn connection(&self) -> Connection {
        self.lock().connection
    }

    pub(super) fn state(&self) -> SessionState {
        self.lock().session.state()
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.lock().session.ending().cloned()
    }

    pub(crate) fn disconnect_delay(&self) -> Duration {
        self.lock().session.config().disconnect_delay()
    }

    /// Closes the session: the client is sent all queued messages, then the close frame.
    pub(crate) fn close(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.close(now, reason, cause);
        });
    }

    /// Ends the session at once.
    pub(crate) fn abort(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| live.session.abort(reason, cause));
    }
}

/// For the receiver.
impl Shared {
    /// Attaches a receiver, or returns the close reason to turn it away with.
    pub(super) fn attach(&self, connection: Connection) -> Result<(), CloseReason> {
        self.update(|live| {
            let now = live.read_clock();
            live.session.attach(now).map_err(|error| match error {
                AttachError::Closed(reason) => reason,
                _ => CloseReason::ANOTHER_CONNECTION,
            })?;
            live.connection = connection;
            Ok(())
        })?;
        self.meter.attached(connection.transport);
        Ok(())
    }

    /// Takes the next frame; `None` once no frame will follow.
    pub(super) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.take_frame(|live| live.poll_frame_and_next(cx))
    }

    /// Takes the next frame, which counts as written at once.
    pub(super) fn poll_frame_written(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.take_frame(|live| {
            let frame = ready!(live.poll_frame(cx));
            live.handle_flushed();
            Poll::Ready(frame.map(|frame| (frame, Next::Later)))
        })
        .map(|taken| taken.map(|(frame, _)| frame))
    }

    /// Reports that the client was sent all frames taken so far, and takes the next one.
    pub(super) fn poll_next_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.take_frame(|live| {
            live.handle_flushed();
            live.poll_frame_and_next(cx)
        })
    }

    pub(super) fn handle_alive(&self) {
        self.lock().session.handle_alive();
    }

    pub(super) fn handle_progress(&self) {
        let mut live = self.lock();
        let now = live.read_clock();
        live.session.handle_progress(now);
    }

    pub(super) fn handle_blocked(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_blocked(now);
        });
    }

    pub(super) fn detach(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.detach(now);
        });
    }

    pub(super) fn handle_lost(&self) {
        self.update(|live| live.session.handle_lost());
    }

    fn take_frame(
        &self,
        take: impl FnOnce(&mut Live) -> Poll<Option<(Frame, Next)>>,
    ) -> Poll<Option<(Frame, Next)>> {
        let (taken, waiting) = self.update(|live| {
            let waiting = live.session.unsent();
            (take(live), waiting)
        });
        let taken = ready!(taken);
        if let Some((frame, _)) = &taken {
            self.meter.sent(frame, waiting);
        }
        Poll::Ready(taken)
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

    pub(super) fn post(&self, payload: Payload) -> Result<(), ReceiveError> {
        let volume = Volume::of(&payload);
        self.update(|live| live.session.handle_payload(payload))?;
        self.meter.received(volume);
        Ok(())
    }
}

/// For the session's task.
impl Shared {
    /// Starts a run of the task. Until the task [parks](Self::park), nobody needs to wake it.
    pub(crate) fn hold(&self, cx: &Context<'_>) {
        let mut live = self.lock();
        live.clock = None;
        live.wakers.hold(cx);
    }

    /// Ends a run of the task, unless the task missed something.
    pub(crate) fn park(&self) -> Parking {
        let Live {
            session, wakers, ..
        } = &mut *self.lock();
        wakers.park(session)
    }

    pub(crate) fn handle_timeout(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_timeout(now);
        });
    }
}

/// For the application.
impl Shared {
    /// Counts one more handle that keeps the session open.
    pub(super) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one handle less. Returns whether it was the last.
    pub(super) fn remove_handle(&self) -> bool {
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.update(|live| {
            let message = loop {
                match live.session.poll_event() {
                    Some(Event::Message(message)) => break Some(message),
                    Some(Event::Closed(_)) => break None,
                    // `Opened`: the handler itself tells the application.
                    Some(_) => {}
                    None if live.session.ending().is_some() => break None,
                    None => {
                        live.wakers.set(Awaited::Message, Some(cx));
                        return Poll::Pending;
                    }
                }
            };
            live.wakers.set(Awaited::Message, None);
            Poll::Ready(message)
        })
    }

    pub(super) fn try_send(&self, message: Message) -> Result<(), TrySendError> {
        self.update(|live| live.send(message))
    }

    /// Queues the message once the send buffer has room.
    ///
    /// This is not an async function, because an async function reserves space for its arguments
    /// twice, and every handler that awaits it would be larger by a message.
    pub(super) fn send(&self, message: Message) -> impl Future<Output = Result<(), SendError>> {
        let mut message = Some(message);
        poll_fn(move |cx| self.poll_send(cx, &mut message))
    }

    /// Queues the message once the send buffer has room. `message` is `None` afterwards.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendError>> {
        self.update(|live| {
            let Some(unsent) = message.take() else {
                return Poll::Ready(Ok(()));
            };
            match live.send(unsent) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(TrySendError::Full(unsent)) => {
                    *message = Some(unsent);
                    live.wakers.add_sender(cx);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(SendError::new(error.into_message()))),
            }
        })
    }

    pub(super) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut live = self.lock();
        match live.session.ending() {
            Some(ending) => Poll::Ready(ending.clone()),
            None => {
                live.wakers.add_closer(cx);
                Poll::Pending
            }
        }
    }
}

impl Shared {
    /// Changes the session, and wakes the tasks whose wait is over.
    fn update<R>(&self, change: impl FnOnce(&mut Live) -> R) -> R {
        let mut live = self.lock();
        let result = change(&mut live);
        let Live {
            session, wakers, ..
        } = &mut *live;
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

    fn send(&mut self, message: Message) -> Result<(), TrySendError> {
        // The time matters for the first queued message alone, because the receiver's time to take
        // something starts with it.
        let now = if self.session.unsent() == 0 {
            self.read_clock()
        } else {
            self.recent_time()
        };
        self.session
            .send(now, message)
            .map_err(TrySendError::from_core)
    }

    fn poll_frame(&mut self, cx: &Context<'_>) -> Poll<Option<Frame>> {
        if self.session.has_frame() {
            self.wakers.set(Awaited::Frame, None);
            let now = self.read_clock();
            let frame = self.session.poll_frame(now);
            // Half of it, so that tasks that wait are woken once for many messages.
            if self.session.unsent() <= self.session.config().send_buffer() / 2 {
                self.wakers.handle_send_room();
            }
            return Poll::Ready(frame);
        }
        if self.session.ending().is_some() {
            self.wakers.set(Awaited::Frame, None);
            return Poll::Ready(None);
        }
        self.wakers.set(Awaited::Frame, Some(cx));
        Poll::Pending
    }

    fn poll_frame_and_next(&mut self, cx: &Context<'_>) -> Poll<Option<(Frame, Next)>> {
        let frame = ready!(self.poll_frame(cx));
        let next = if self.session.has_frame() {
            Next::Ready
        } else {
            Next::Later
        };
        Poll::Ready(frame.map(|frame| (frame, next)))
    }

    /// Reports that all frames taken are written. A frame that was taken in this run of the task
    /// was written in it, so that the time at which it was taken is recent enough.
    fn handle_flushed(&mut self) {
        let now = self.recent_time();
        self.session.handle_flushed(now);
    }
}
