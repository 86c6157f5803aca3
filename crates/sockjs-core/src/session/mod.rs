mod attached;
mod inbox;
mod outbox;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use crate::{Cause, CloseReason, Ending, Event, Frame, Message, Payload, SessionConfig};

use self::inbox::Inbox;
use self::outbox::Outbox;
use self::state::State;

/// One SockJS session, seen from the server: a value that is told what happened and says what to
/// do.
///
/// # Contract
///
/// The driver owns sockets and the clock. After any input or command it
///
/// 1. takes frames from [`poll_frame`](Self::poll_frame) for the attached receiver, while that is
///    ready for more, and tells of what was written by [`handle_flushed`](Self::handle_flushed);
/// 2. takes events from [`poll_event`](Self::poll_event) as fast as the application wants them;
/// 3. arms one timer for [`poll_timeout`](Self::poll_timeout), and calls
///    [`handle_timeout`](Self::handle_timeout) when it fires. Too early, too late or twice does no
///    harm.
///
/// Each `now` must be equal to or later than the one before. A driver that breaks this rule gets
/// deadlines that are too early or too late; no method panics, and the guarantees below still hold.
///
/// # Guarantees
///
/// - The open frame is sent at most once and before anything else; the close frame at most once
///   and after everything else.
/// - Messages leave in the order sent, and arrive in the order received, each once. What was
///   accepted while no receiver is attached goes to the next one.
/// - A second receiver disturbs neither the session nor the first.
/// - A session without a receiver ends; so does one whose receiver takes nothing.
/// - No more is held than [`SessionConfig`] allows.
///
/// # Example
///
/// ```
/// use std::time::Instant;
/// use sockjs_core::{CloseReason, Event, Frame, Payload, Session, SessionConfig};
///
/// let now = Instant::now();
/// let mut session = Session::new(now, SessionConfig::default());
/// session.attach(now)?;
/// assert_eq!(session.poll_frame(now), Some(Frame::Open));
/// assert_eq!(session.poll_event(), Some(Event::Opened));
///
/// session.handle_payload(Payload::parse(r#"["hello"]"#, 1024)?)?;
/// assert_eq!(session.poll_event(), Some(Event::Message("hello".into())));
///
/// session.close(now, CloseReason::NORMAL, sockjs_core::Cause::ClosedByApp);
/// session.handle_flushed(now);
/// assert_eq!(session.poll_frame(now), Some(Frame::Close(CloseReason::NORMAL)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    state: State,
    outbox: Outbox,
    inbox: Inbox,
}

/// Input: what the outside world did.
impl Session {
    /// Makes a session that waits for its first receiver. Sessions may share their configuration.
    pub fn new(now: Instant, config: impl Into<Arc<SessionConfig>>) -> Self {
        let config = config.into();
        Self {
            state: State::new(now, &config),
            outbox: Outbox::new(),
            inbox: Inbox::new(),
            config,
        }
    }

    /// Attaches a receiver; from here on [`poll_frame`](Self::poll_frame) has frames for it.
    ///
    /// # Errors
    ///
    /// If another receiver is attached, or the session is over. Nothing has changed then.
    pub fn attach(&mut self, now: Instant) -> Result<(), AttachError> {
        let first = matches!(self.state, State::Connecting { .. });
        self.state.attach(now, &self.config)?;
        if first {
            self.inbox.open();
        }
        self.start_waiting(now);
        Ok(())
    }

    /// Detaches the receiver, whose response is complete. The client is expected to ask again
    /// within the disconnect delay.
    pub fn detach(&mut self, now: Instant) {
        self.state.detach(now, &self.config);
    }

    /// Tells that the attached receiver's connection broke. That ends the session. Without a
    /// receiver it changes nothing.
    pub fn handle_lost(&mut self) {
        if self.state.attached().is_some() {
            self.abort(CloseReason::INTERRUPTED, Cause::ReceiverLost);
        }
    }

    /// Takes what the client posted, which is also a sign of life.
    ///
    /// # Errors
    ///
    /// If the session is not open, or too much waits for the application already: see
    /// [`has_room`](Self::has_room). Nothing of the payload is delivered then.
    pub fn handle_payload(&mut self, payload: Payload) -> Result<(), ReceiveError> {
        self.handle_alive();
        match self.state {
            State::Open(_) if self.has_room() => {
                self.inbox.push(payload);
                Ok(())
            }
            State::Open(_) => Err(ReceiveError::Full(payload)),
            State::Connecting { .. } | State::Closing { .. } | State::Closed(_) => {
                Err(ReceiveError::NotOpen)
            }
        }
    }

    /// Tells that bytes arrived from the client, be they a whole frame or not.
    pub fn handle_alive(&mut self) {
        if let Some(attached) = self.state.attached_mut() {
            attached.alive();
        }
    }

    /// Tells that the receiver took some of the bytes handed to it, but not all.
    pub fn handle_progress(&mut self, now: Instant) {
        if let Some(attached) = self.state.attached_mut() {
            attached.progressed(now);
        }
    }

    /// Tells that the receiver took all the frames handed to it.
    ///
    /// The close frame is held back until then, so that the messages before it count as
    /// undelivered if they are.
    pub fn handle_flushed(&mut self, now: Instant) {
        let more = !self.outbox.is_empty() || matches!(self.state, State::Closing { .. });
        if let Some(attached) = self.state.attached_mut() {
            attached.flushed(now, &self.config, more);
            if !self.inbox.has_room(self.config.receive_buffer()) {
                // No answer is expected of a client that is not read meanwhile.
                attached.alive();
            }
        }
    }

    /// Lets deadlines up to `now` take effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(cause) = self.state.handle_timeout(now, &self.config) {
            self.abort(CloseReason::INTERRUPTED, cause);
        }
    }
}

/// Commands: what the application wants.
impl Session {
    /// Queues a message for the client.
    ///
    /// # Errors
    ///
    /// Gives the message back if the send buffer is full or the session closes. A message is never
    /// refused for its length alone: into an empty buffer any fits.
    pub fn send(&mut self, now: Instant, message: Message) -> Result<(), SendError> {
        match self.state {
            State::Connecting { .. } | State::Open(_) => {}
            State::Closing { .. } | State::Closed(_) => return Err(SendError::Closed(message)),
        }
        self.outbox.push(message, self.config.send_buffer())?;
        self.start_waiting(now);
        Ok(())
    }

    /// Closes the session: what waits is sent first, then the close frame. The first reason stays.
    pub fn close(&mut self, now: Instant, reason: CloseReason, cause: Cause) {
        self.state.close(now, &self.config, reason, cause);
    }

    /// Ends the session at once: nothing more is sent, not even a close frame. A session that was
    /// closing ends with the reason and cause it was closed with.
    pub fn abort(&mut self, reason: CloseReason, cause: Cause) {
        let unsent = self.outbox.clear();
        self.state.end(reason, cause, unsent);
    }
}

/// Output: what the driver must do next.
impl Session {
    /// Takes the next frame for the attached receiver. `None` without one.
    ///
    /// All messages that wait come in one frame.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame> {
        let attached = self.state.attached_mut()?;
        if let Some(frame) = self.outbox.pop() {
            let messages = if let Frame::Messages(messages) = &frame {
                messages.len()
            } else {
                0
            };
            attached.sent(now, &self.config, messages);
            return Some(frame);
        }
        if attached.heartbeat_is_due() {
            attached.sent_heartbeat(now, &self.config);
            return Some(Frame::Heartbeat);
        }
        let State::Closing { request, .. } = &self.state else {
            return None;
        };
        if self.state.attached()?.in_flight() > 0 {
            return None;
        }
        let (reason, cause) = (request.reason.clone(), request.cause);
        self.abort(reason.clone(), cause);
        Some(Frame::Close(reason))
    }

    /// Takes the next event for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop(self.state.ending())
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due; `None` if nothing is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.poll_timeout(&self.config)
    }

    /// Returns whether [`poll_frame`](Self::poll_frame) has something.
    pub fn has_frame(&self) -> bool {
        let Some(attached) = self.state.attached() else {
            return false;
        };
        !self.outbox.is_empty()
            || attached.heartbeat_is_due()
            || (matches!(self.state, State::Closing { .. }) && attached.in_flight() == 0)
    }

    /// Returns whether messages wait for the application.
    pub fn has_messages(&self) -> bool {
        self.inbox.has_messages()
    }

    /// Returns whether [`handle_payload`](Self::handle_payload) has room for a payload.
    pub fn has_room(&self) -> bool {
        self.inbox.has_room(self.config.receive_buffer())
    }

    /// Returns how many bytes wait for the client, counted as
    /// [`send_buffer`](SessionConfig::with_send_buffer) is.
    pub fn unsent(&self) -> usize {
        self.outbox.size()
    }

    /// Returns the delays and limits the session was made with.
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Returns where the session is in its life.
    pub fn state(&self) -> SessionState {
        match self.state {
            State::Connecting { .. } => SessionState::Connecting,
            State::Open(_) => SessionState::Open,
            State::Closing { .. } => SessionState::Closing,
            State::Closed(_) => SessionState::Closed,
        }
    }

    /// Returns how the session ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.state.ending()
    }
}

impl Session {
    fn start_waiting(&mut self, now: Instant) {
        if let Some(attached) = self.state.attached_mut() {
            if !self.outbox.is_empty() {
                attached.start_waiting(now);
            }
        }
    }
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "they are the four states of a browser's WebSocket, and of SockJS"
)]
pub enum SessionState {
    /// No receiver was attached yet.
    Connecting,
    /// Messages go both ways.
    Open,
    /// The application closed the session; the client has yet to be told.
    Closing,
    /// The session is over.
    Closed,
}

/// Why a receiver was turned away.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Another receiver is attached. This one is to be sent
    /// [`CloseReason::ANOTHER_CONNECTION`].
    #[error("another receiver is attached")]
    Busy,
    /// The session is over. The receiver is to be sent the reason once more.
    #[error("session is closed")]
    Closed(CloseReason),
}

/// Why a payload was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The application has not read enough of what it was sent before. The payload is given back
    /// to be offered again.
    #[error("receive buffer is full")]
    Full(Payload),
    /// The session was not opened, closes, or is closed.
    #[error("session is not open")]
    NotOpen,
}

/// Why a message was not queued. It is given back.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The client has not taken enough of what it was sent before.
    #[error("send buffer is full")]
    Full(Message),
    /// The session closes or is closed.
    #[error("session is closed")]
    Closed(Message),
}

impl SendError {
    /// Returns the message that was not queued.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }
}
