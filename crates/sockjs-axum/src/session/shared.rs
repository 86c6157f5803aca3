use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockjs_core::{
    AttachError, Cause, CloseReason, Ending, Event, Frame, Message, Payload, ReceiveError, Session,
    SessionConfig, SessionState, Transport,
};
use tokio::task::coop::poll_proceed;

use super::belongings::{Belongings, TopicsOfMount};
use super::holds::{Hold, Holds, Left};
use super::line::Ticket;
use super::opening::Opening;
use super::output::{Output, ReceiverNumber, SHORT, Slice, Then};
use super::sends::Sends;
use super::wakers::{Awaited, Parking, Wakers};
use crate::clock;
use crate::error::{SendError, TrySendError};
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
    sends: Sends,
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
}

/// A frame for the body of a response.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) frame: Frame,
    /// Whether it counts as written already.
    pub(super) is_written: bool,
}

/// A message on its way into the send buffer.
#[derive(Debug)]
pub(super) enum Outgoing {
    Unsent(Message),
    /// The line has the message.
    InLine(Ticket),
    Done,
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
            }),
            sends: Sends::new(),
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
        &self.sends
    }

    pub(super) fn belongings(&self) -> &Belongings<Arc<Self>> {
        &self.belongings
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

    /// Closes the session: the client is sent all queued messages, then the close frame.
    pub(crate) fn close(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| live.close(reason, cause));
    }

    /// Ends the session at once.
    pub(crate) fn abort(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| live.session.abort(reason, cause));
    }
}

/// For the receiver.
impl Shared {
    /// Attaches a receiver, or returns the close reason to turn it away with.
    pub(super) fn attach(&self, connection: Connection) -> Result<ReceiverNumber, CloseReason> {
        let receiver = self.update(|live| {
            let now = live.read_clock();
            live.session.attach(now).map_err(|error| match error {
                AttachError::Closed(reason) => reason,
                _ => CloseReason::ANOTHER_CONNECTION,
            })?;
            live.connection = connection;
            Ok(live.output.next_receiver())
        })?;
        self.meter.attached(connection.transport);
        Ok(receiver)
    }

    /// Takes the next frame; `None` once no frame will follow.
    pub(super) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.take_frame(|live| live.poll_frame_and_next(cx))
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

/// For the body of a response.
impl Shared {
    /// Takes the next frame; `None` once no frame will follow.
    ///
    /// A frame that is surely not longer than a slice counts as written, because it will be handed
    /// over at once, and the session need not be locked a second time.
    pub(super) fn poll_frame_for_response(&self, cx: &mut Context<'_>) -> Poll<Option<Taken>> {
        let mut is_written = false;
        let taken = ready!(self.take_frame(|live| {
            is_written = live.session.unsent() <= SHORT;
            let frame = ready!(live.poll_frame(cx));
            if is_written {
                live.handle_flushed();
            }
            Poll::Ready(frame.map(|frame| (frame, Next::Later)))
        }));
        Poll::Ready(taken.map(|(frame, _)| Taken { frame, is_written }))
    }

    pub(super) fn handle_flushed(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_flushed(now);
        });
    }

    /// Keeps a frame that will be handed over in slices, unless the session has ended.
    pub(super) fn keep(&self, frame: Bytes) {
        self.update(|live| live.output.set(frame));
    }

    /// Takes the next slice of the frame that is kept; `None` if the session has ended.
    pub(super) fn take_slice(&self, then: Then) -> Option<Slice> {
        self.update(|live| {
            let slice = live.output.take_slice(then)?;
            let now = live.read_clock();
            match then {
                _ if !slice.is_last => live.session.handle_progress(now),
                Then::NextFrame => live.session.handle_flushed(now),
                Then::Complete => live.session.handle_complete(now),
            }
            Some(slice)
        })
    }

    /// Detaches the receiver, whose response is complete for the client.
    pub(super) fn handle_complete(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_complete(now);
        });
    }

    /// Starts the disconnect delay, because the HTTP server has let go of the complete response. The
    /// delay is none of this receiver's business if there was a later one.
    pub(super) fn handle_released(&self, receiver: ReceiverNumber) {
        self.update(|live| {
            if live.output.receiver() == receiver {
                let now = live.read_clock();
                live.session.handle_released(now);
            }
        });
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
        let mut live = self.lock();
        if !live.is_abandoned {
            let Live {
                session, wakers, ..
            } = &mut *live;
            return wakers.park(session);
        }
        drop(live);
        self.close_abandoned();
        Parking::Missed
    }

    /// Reports that the handler has returned and was dropped. A session that nobody serves any more
    /// closes.
    pub(crate) fn handler_returned(&self) {
        self.release(Hold::Handler);
        self.close_abandoned();
    }

    /// Reports that the task is over, and with it the session.
    pub(crate) fn task_ended(&self) {
        self.release(Hold::Task);
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
    /// Counts one more that may keep the session open.
    pub(super) fn hold_open(&self, hold: Hold) {
        self.holds.add(hold);
    }

    /// Counts one less that may keep the session open. Closes the session if nothing does.
    pub(super) fn release(&self, hold: Hold) {
        self.let_go(hold);
        if self.is_abandoned() {
            self.belongings.drop_values();
        }
    }

    /// Returns whether nobody serves the session any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.holds.is_abandoned()
    }

    fn let_go(&self, hold: Hold) {
        match self.holds.release(hold) {
            Left::Others => {}
            Left::NoReceiver => self.update(|live| live.session.discard_messages()),
            Left::Nobody if std::thread::panicking() => {
                self.close(CloseReason::INTERNAL_ERROR, Cause::HandlerPanicked);
            }
            Left::Nobody => self.abandon(),
        }
    }

    /// Closes a session that nothing keeps open.
    ///
    /// A handler drops its `Session` before it returns an error, which decides about the close
    /// reason. So while the session's task runs, it closes the session itself, when the handler
    /// was polled.
    fn abandon(&self) {
        self.update(|live| {
            if live.wakers.is_parked() {
                live.close(CloseReason::NORMAL, Cause::ClosedByApp);
            } else {
                live.is_abandoned = true;
            }
        });
    }

    fn close_abandoned(&self) {
        self.update(|live| {
            if mem::take(&mut live.is_abandoned) {
                live.close(CloseReason::NORMAL, Cause::ClosedByApp);
            }
        });
    }

    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        // A client that sends more than its handler can take must not keep the thread from others.
        let budget = ready!(poll_proceed(cx));
        let message = ready!(self.update(|live| {
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
        }));
        budget.made_progress();
        Poll::Ready(message)
    }

    pub(crate) fn try_send(&self, message: Message) -> Result<(), TrySendError> {
        self.update(|live| live.send(message))
    }

    /// Queues a message, or puts it in line until the send buffer has room. It is then queued by
    /// [`poll_line`](Self::poll_line).
    pub(super) fn queue(&self, message: Message) -> Result<Option<Ticket>, SendError> {
        self.update(|live| match live.send(message) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(message)) => Ok(Some(live.wakers.add_sender(message, None))),
            Err(error) => Err(SendError::new(error.into_message())),
        })
    }

    /// Queues a message once the send buffer has room.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        outgoing: &mut Outgoing,
    ) -> Poll<Result<(), SendError>> {
        let budget = ready!(poll_proceed(cx));
        let result = ready!(
            self.update(|live| match mem::replace(outgoing, Outgoing::Done) {
                Outgoing::Unsent(message) => match live.send(message) {
                    Ok(()) => Poll::Ready(Ok(())),
                    Err(TrySendError::Full(message)) => {
                        let ticket = live.wakers.add_sender(message, Some(cx));
                        *outgoing = Outgoing::InLine(ticket);
                        Poll::Pending
                    }
                    Err(error) => Poll::Ready(Err(SendError::new(error.into_message()))),
                },
                Outgoing::InLine(ticket) => {
                    let poll = live.poll_line(cx, ticket);
                    if poll.is_pending() {
                        *outgoing = Outgoing::InLine(ticket);
                    }
                    poll
                }
                Outgoing::Done => Poll::Ready(Ok(())),
            })
        );
        budget.made_progress();
        Poll::Ready(result)
    }

    /// Queues a message that is in line once the send buffer has room. The ticket is then used up.
    pub(super) fn poll_line(
        &self,
        cx: &mut Context<'_>,
        ticket: Ticket,
    ) -> Poll<Result<(), SendError>> {
        self.update(|live| live.poll_line(cx, ticket))
    }

    /// Takes a message out of the line. If there was room for it, the next in line gets the room.
    pub(super) fn leave_line(&self, ticket: Ticket) {
        drop(self.update(|live| live.wakers.remove_sender(ticket)));
    }

    /// Waits for the end of the session. `ticket` is there while the task waits.
    pub(super) fn poll_closed(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Ending> {
        let mut live = self.lock();
        let Some(ending) = live.session.ending().cloned() else {
            live.wakers.set_closer(cx, ticket);
            return Poll::Pending;
        };
        if let Some(ticket) = ticket.take() {
            live.wakers.remove_closer(ticket);
        }
        Poll::Ready(ending)
    }

    /// Waits no longer for the end of the session.
    pub(super) fn stop_waiting(&self, ticket: Ticket) {
        self.lock().wakers.remove_closer(ticket);
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

    /// Queues a message, unless others wait in line for the send buffer.
    fn send(&mut self, message: Message) -> Result<(), TrySendError> {
        if self.wakers.lets_pass(&self.session, &message) {
            self.put(message)
        } else {
            Err(TrySendError::Full(message))
        }
    }

    /// Queues a message that is in line once there is room for it.
    fn poll_line(&mut self, cx: &Context<'_>, ticket: Ticket) -> Poll<Result<(), SendError>> {
        let Some(message) = ready!(self.wakers.poll_sender(cx, ticket)) else {
            return Poll::Ready(Ok(()));
        };
        // A sender is called when there is room for its message, which nobody else can take, or
        // when the session refuses all messages.
        let result = self.put(message);
        Poll::Ready(result.map_err(|error| SendError::new(error.into_message())))
    }

    fn put(&mut self, message: Message) -> Result<(), TrySendError> {
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
            return Poll::Ready(self.session.poll_frame(now));
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

/// What a test takes apart to plant a lost wake-up.
#[cfg(all(test, shuttle))]
impl Shared {
    pub(super) fn has_frame(&self) -> bool {
        self.lock().session.has_frame()
    }

    pub(super) fn wait_for_frame(&self, cx: &Context<'_>) {
        self.lock().wakers.set(Awaited::Frame, Some(cx));
    }
}
