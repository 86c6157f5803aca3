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

use crate::error::{SendError, TrySendError};
use crate::meter::{Meter, Volume};
use crate::session::attachment::Attachment;
use crate::session::opening::Opening;
use crate::session::turns::{Turn, Turns};
use crate::session::wakers::{Parking, Wakers};

/// One session with all who have to do with it: its task, its receiver, the requests that post to
/// it and the application.
///
/// Whatever happens locks the session for a moment, tells it, and wakes whoever that concerns. The
/// lock is never held across an `.await`, and nobody is woken under it.
#[derive(Debug)]
pub(crate) struct Driver {
    opening: Opening,
    meter: Meter,
    live: Mutex<Live>,
    turns: Turns,
    /// How many handles of the application keep the session open.
    handles: AtomicUsize,
}

#[derive(Debug)]
struct Live {
    session: Session,
    /// When the clock was last read. To read it for every message would cost as much as the rest.
    clock: Instant,
    /// Whether that was when the session's task took a frame, and it runs since.
    clock_is_of_frame: bool,
    transport: Transport,
    remote_addr: Option<SocketAddr>,
    wakers: Wakers,
}

/// Where a receive request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) transport: Transport,
    pub(crate) remote_addr: Option<SocketAddr>,
}

/// What the session's task is to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timer {
    At(Instant),
    Never,
    /// Nothing: there is more to do.
    Now,
    /// The session is over.
    Closed,
}

impl Driver {
    /// Opens a session by its first receiver.
    pub(crate) fn open(
        opening: Opening,
        origin: Origin,
        meter: Meter,
        config: Arc<SessionConfig>,
    ) -> (Arc<Self>, Attachment) {
        let now = now();
        let mut session = Session::new(now, config);
        session.attach(now).expect("a new session has no receiver");
        let live = Live {
            session,
            clock: now,
            clock_is_of_frame: false,
            transport: origin.transport,
            remote_addr: origin.remote_addr,
            wakers: Wakers::default(),
        };
        let driver = Arc::new(Self {
            opening,
            meter,
            live: Mutex::new(live),
            turns: Turns::new(),
            handles: AtomicUsize::new(0),
        });
        (driver.clone(), Attachment::new(driver))
    }

    /// Attaches a receiver, or says with what close frame to turn it away.
    pub(crate) fn attach(self: &Arc<Self>, origin: Origin) -> Result<Attachment, CloseReason> {
        self.update(|live| {
            live.session.attach(now()).map_err(|error| match error {
                AttachError::Closed(reason) => reason,
                _ => CloseReason::ANOTHER_CONNECTION,
            })?;
            live.transport = origin.transport;
            live.remote_addr = origin.remote_addr;
            Ok(())
        })?;
        self.meter.attached(origin.transport);
        Ok(Attachment::new(self.clone()))
    }
}

/// For the client's side.
impl Driver {
    /// Waits for the turn of a send request; `None` if too many wait.
    pub(crate) async fn turn(&self) -> Option<Turn<'_>> {
        self.turns.take().await
    }

    /// Waits until there is room for a payload. A session that does not take any has room, too.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut live = self.lock();
        if live.session.has_room() || live.session.state() != SessionState::Open {
            live.wakers.set_poster(None);
            return Poll::Ready(());
        }
        live.wakers.set_poster(Some(cx));
        Poll::Pending
    }

    /// Hands a payload to the session.
    pub(crate) fn post(&self, payload: Payload) -> Result<(), ReceiveError> {
        let volume = Volume::of(&payload);
        self.update(|live| live.session.handle_payload(payload))?;
        self.meter.received(volume);
        Ok(())
    }

    /// Takes the next frame for the attached receiver; `None` once there will be none.
    pub(crate) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let frame = ready!(self.update(|live| live.poll_frame(cx)));
        frame.iter().for_each(|frame| self.meter.sent(frame));
        Poll::Ready(frame)
    }

    pub(crate) fn handle_alive(&self) {
        self.lock().session.handle_alive();
    }

    pub(crate) fn handle_progress(&self) {
        self.lock().session.handle_progress(now());
    }

    /// Takes the next frame, which counts as written at once.
    pub(crate) fn poll_frame_written(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let frame = ready!(self.update(|live| {
            let frame = ready!(live.poll_frame(cx));
            live.handle_flushed();
            Poll::Ready(frame)
        }));
        frame.iter().for_each(|frame| self.meter.sent(frame));
        Poll::Ready(frame)
    }

    /// Tells that all frames taken were written, and takes the next.
    pub(crate) fn poll_next_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let frame = ready!(self.update(|live| {
            live.handle_flushed();
            live.poll_frame(cx)
        }));
        frame.iter().for_each(|frame| self.meter.sent(frame));
        Poll::Ready(frame)
    }

    /// Ends the session at once.
    pub(crate) fn abort(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| live.session.abort(reason, cause));
    }

    pub(crate) fn detach(&self) {
        self.update(|live| live.session.detach(now()));
    }

    pub(crate) fn handle_lost(&self) {
        self.update(|live| live.session.handle_lost());
    }
}

/// For the session's task.
impl Driver {
    /// The task runs, and will look at everything before it waits again.
    pub(crate) fn hold(&self, cx: &Context<'_>) {
        let mut live = self.lock();
        live.clock_is_of_frame = false;
        live.wakers.hold(cx);
    }

    /// Lets the task wait, and says until when. It is woken if that becomes earlier.
    pub(crate) fn park(&self) -> Timer {
        let mut live = self.lock();
        let Live {
            session, wakers, ..
        } = &mut *live;
        if session.ending().is_some() {
            return Timer::Closed;
        }
        match wakers.park(session) {
            Parking::Granted { until: Some(at) } => Timer::At(at),
            Parking::Granted { until: None } => Timer::Never,
            Parking::Refused => Timer::Now,
        }
    }

    pub(crate) fn handle_timeout(&self) {
        self.update(|live| live.session.handle_timeout(now()));
    }
}

/// For the application.
impl Driver {
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The application has one more handle that keeps the session open.
    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// The application dropped such a handle. Returns whether that was the last.
    pub(crate) fn remove_handle(&self) -> bool {
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    pub(crate) fn transport(&self) -> Transport {
        self.lock().transport
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        self.lock().remote_addr
    }

    pub(crate) fn state(&self) -> SessionState {
        self.lock().session.state()
    }

    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.update(|live| {
            let message = loop {
                match live.session.poll_event() {
                    Some(Event::Message(message)) => break Some(message),
                    Some(Event::Closed(_)) => break None,
                    Some(_) => {}
                    None if live.session.ending().is_some() => break None,
                    None => {
                        live.wakers.set_reader(Some(cx));
                        return Poll::Pending;
                    }
                }
            };
            live.wakers.set_reader(None);
            Poll::Ready(message)
        })
    }

    pub(crate) fn try_send(&self, message: Message) -> Result<(), TrySendError> {
        self.update(|live| live.send(message))
    }

    /// Queues the message once there is room.
    ///
    /// An async function would have room for the message twice, and every waiting handler with it.
    pub(crate) fn send(&self, message: Message) -> impl Future<Output = Result<(), SendError>> {
        let mut message = Some(message);
        poll_fn(move |cx| self.poll_send(cx, &mut message))
    }

    /// Queues the message once there is room. Leaves `message` empty when it is done.
    pub(crate) fn poll_send(
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

    pub(crate) fn close(&self, reason: CloseReason, cause: Cause) {
        self.update(|live| live.session.close(now(), reason, cause));
    }

    pub(crate) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut live = self.lock();
        match live.session.ending() {
            Some(ending) => Poll::Ready(ending.clone()),
            None => {
                live.wakers.add_closer(cx);
                Poll::Pending
            }
        }
    }

    pub(crate) fn disconnect_delay(&self) -> Duration {
        self.lock().session.config().disconnect_delay()
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.lock().session.ending().cloned()
    }
}

impl Driver {
    /// Changes the session and wakes whoever that concerns.
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
        // What runs under the lock leaves the session whole, whatever panics.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn send(&mut self, message: Message) -> Result<(), TrySendError> {
        // Behind another message it does not matter when this one began to wait.
        if self.session.unsent() == 0 {
            self.clock = now();
        }
        self.session
            .send(self.clock, message)
            .map_err(TrySendError::from_core)
    }

    fn poll_frame(&mut self, cx: &Context<'_>) -> Poll<Option<Frame>> {
        if self.session.has_frame() {
            self.wakers.set_receiver(None);
            self.clock = now();
            self.clock_is_of_frame = true;
            return Poll::Ready(self.session.poll_frame(self.clock));
        }
        if self.session.ending().is_some() {
            self.wakers.set_receiver(None);
            return Poll::Ready(None);
        }
        self.wakers.set_receiver(Some(cx));
        Poll::Pending
    }

    /// What was taken is written: now, or at once, if it was taken in this run.
    fn handle_flushed(&mut self) {
        if !self.clock_is_of_frame {
            self.clock = now();
        }
        self.session.handle_flushed(self.clock);
    }
}

/// The only reading of a session's clock. It is tokio's, so that a paused test moves it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
