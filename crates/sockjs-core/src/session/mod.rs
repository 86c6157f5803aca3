mod attached;
mod batch;
mod deadline;
mod inbox;
mod outbox;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use crate::{Cause, CloseReason, Ending, Event, Frame, Message, Payload, SessionConfig};

pub use self::batch::Batch;

use self::inbox::Inbox;
use self::outbox::Outbox;
use self::state::State;

/// The state machine of one SockJS session on the server.
///
/// A client receives frames through a *receiver*: a WebSocket, or the response to a receive request
/// such as `xhr`. A session has at most one receiver attached at a time, and with HTTP transports
/// has many of them one after another.
///
/// # Contract
///
/// The driver owns the sockets and the clock. After each input and each command, it
///
/// 1. takes frames from [`poll_frame`](Self::poll_frame) and writes them to the attached receiver,
///    for as long as the receiver is ready for more, and calls
///    [`handle_flushed`](Self::handle_flushed) when they are written;
/// 2. takes events from [`poll_event`](Self::poll_event), as fast as the application wants them;
/// 3. sets one timer to [`poll_timeout`](Self::poll_timeout), and calls
///    [`handle_timeout`](Self::handle_timeout) when the timer fires. A timer that fires too early,
///    too late or twice does no harm.
///
/// Each `now` must be equal to or later than the one before. A driver that breaks this rule gets
/// deadlines that are too early or too late; no method panics, and the guarantees below still hold.
///
/// # Whom to wake
///
/// A driver in which several tasks share a session asks these questions after each call, and wakes
/// the tasks whose wait is over. A call that is not in the third column ends no such wait.
///
/// | Who waits | Until | What can end the wait |
/// |---|---|---|
/// | the receiver | [`has_frame`](Self::has_frame), or the session has [ended](Self::ending) | `send`, `close`, `abort`, `attach`, `handle_flushed`, `handle_timeout`, `handle_lost` |
/// | the application, for an event | [`has_messages`](Self::has_messages), or the session has opened or ended | `attach`, `handle_payload`, `abort`, `poll_frame`, `handle_timeout`, `handle_lost` |
/// | a payload that was not [taken](ReceiveError::Full), or a WebSocket that is not read | [`has_room`](Self::has_room), or the session is not open | `poll_event`, `handle_batch_taken`, `discard_messages`, `close`, `abort`, `handle_timeout`, `handle_lost` |
/// | the application, with a message that was [not queued](SendError::Full) | [`unsent`](Self::unsent) has become less, or the session is closing | `poll_frame`, `close`, `abort`, `handle_timeout`, `handle_lost` |
/// | the timer | [`poll_timeout`](Self::poll_timeout) is earlier than what it is set to | `attach`, `send`, `close`, `poll_frame`, `handle_complete`, `handle_released`, `handle_blocked`, `handle_flushed`, `handle_timeout` |
///
/// [`detach`](Self::detach) counts as both of its parts. A response that waits while its session ends
/// without a frame for it must end too: a poll is answered with a close frame of the
/// [`reason`](Ending::reason).
///
/// # WebSocket close frames
///
/// - *From the server.* The `c` frame is the last one of the session. The WebSocket close frame with
///   the values of [`CloseReason::for_websocket`] follows it, and the session hears nothing of it. The
///   driver then reads until the client closes the connection, because a connection that is dropped
///   with unread bytes is reset, and the client may never see the close frame. The driver does not
///   wait for long, and discards the bytes that it reads.
/// - *From the client.* The driver calls [`abort`](Self::abort) with the code and the text of the close
///   frame, or with [`CloseReason::NO_STATUS`] if it has none, and with [`Cause::ClosedByClient`]. It
///   answers the close frame. It takes no more frames, and no `c` frame is sent: the queued messages
///   count as undelivered. The messages that arrived before the close frame are still handed to the
///   application.
/// - *After a violation.* For a payload that is broken or too long, or for a violation of RFC 6455, the
///   driver calls `abort` with [`CloseReason::BROKEN_FRAMING`], [`TOO_LONG`](CloseReason::TOO_LONG) or
///   [`PROTOCOL_ERROR`](CloseReason::PROTOCOL_ERROR). A WebSocket close frame follows at once, without a
///   `c` frame.
/// - *None.* A connection that ends without a close frame is [lost](Self::handle_lost).
///
/// # After the end
///
/// The driver can drop a session once the application has taken [`Event::Closed`]. Of a session over HTTP
/// it remembers the id with the close reason, for at least the disconnect delay:
///
/// - A receive request for this id is answered with one close frame of that reason. It opens no new
///   session, because a new session would receive the second half of a conversation.
/// - A send request for it is refused with [`Refusal::NoSession`](crate::Refusal::NoSession), as it is
///   for a session that is closing, and for an id that was never used.
///
/// A driver that is short of memory opens no session for as long as it cannot remember its end. A
/// WebSocket is a session of its own, whatever the id in its URL, so that nothing of it is remembered.
///
/// # Guarantees
///
/// - The open frame is sent at most once, and is the first frame. The close frame is sent at most
///   once, and is the last frame.
/// - Messages to the client are handed out in the order of [`send`](Self::send), and messages to
///   the application in the order of [`handle_payload`](Self::handle_payload), each message once.
///   The next receiver gets the messages that were accepted while none was attached. An application
///   that calls [`discard_messages`](Self::discard_messages) gets no more messages.
/// - An attempt to attach a second receiver changes nothing.
/// - A session ends if it has no receiver for the disconnect delay, or if its receiver takes no
///   bytes for the send timeout. A receiver that is complete but not released ends it after the send
///   timeout too.
/// - The queues are bounded by the send buffer and the receive buffer of [`SessionConfig`].
///
/// # Example
///
/// ```
/// use std::time::Instant;
/// use sockjs_core::{Cause, CloseReason, Event, Frame, Payload, Session, SessionConfig};
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
/// session.close(now, CloseReason::NORMAL, Cause::ClosedByApp);
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
    /// Creates a session that waits for its first receiver.
    ///
    /// Pass an `Arc` to let many sessions share one configuration.
    pub fn new(now: Instant, config: impl Into<Arc<SessionConfig>>) -> Self {
        let config = config.into();
        Self {
            state: State::new(now),
            outbox: Outbox::new(),
            inbox: Inbox::new(),
            config,
        }
    }

    /// Attaches a receiver. [`poll_frame`](Self::poll_frame) then returns frames for it.
    ///
    /// # Errors
    ///
    /// - [`AttachError::Busy`] if another receiver is attached.
    /// - [`AttachError::Closed`] if the session has ended.
    ///
    /// Either way, the session is unchanged.
    pub fn attach(&mut self, now: Instant) -> Result<(), AttachError> {
        let first = matches!(self.state, State::Connecting { .. });
        self.state.attach(now, &self.config)?;
        if first {
            self.inbox.open();
        }
        self.start_waiting(now);
        Ok(())
    }

    /// Detaches the receiver because its response is complete, and starts the disconnect delay.
    ///
    /// This is [`handle_complete`](Self::handle_complete) and
    /// [`handle_released`](Self::handle_released) at once.
    pub fn detach(&mut self, now: Instant) {
        self.handle_complete(now);
        self.handle_released(now);
    }

    /// Detaches the receiver because its response is complete for the client.
    ///
    /// All messages that were handed out count as delivered, and the next receiver can attach. The
    /// disconnect delay starts with [`handle_released`](Self::handle_released), because a client
    /// that still downloads the response is not absent. The session ends if the send timeout passes
    /// without either. Without a receiver, this does nothing.
    ///
    /// Call this before the last bytes of the response leave, because the client's next request may
    /// arrive as soon as they have left.
    pub fn handle_complete(&mut self, now: Instant) {
        self.state.complete(now);
    }

    /// Records that the last bytes of the [complete](Self::handle_complete) response have left.
    ///
    /// The session ends if no receiver is attached within the disconnect delay. If a receiver is
    /// attached, or the disconnect delay runs already, this does nothing.
    ///
    /// Call this for the response that was attached last. An older response that is let go of later
    /// says nothing about the client.
    pub fn handle_released(&mut self, now: Instant) {
        self.state.release(now);
    }

    /// Ends the session because the connection of the attached receiver broke.
    ///
    /// Without a receiver, this does nothing.
    pub fn handle_lost(&mut self) {
        if self.state.attached().is_some() {
            self.abort(CloseReason::INTERRUPTED, Cause::ReceiverLost);
        }
    }

    /// Queues a payload from the client for the application.
    ///
    /// This also counts as [`handle_alive`](Self::handle_alive), even if the payload is refused.
    ///
    /// # Errors
    ///
    /// - [`ReceiveError::NotOpen`] if the session is not open.
    /// - [`ReceiveError::Full`] if the receive buffer is full: see [`has_room`](Self::has_room).
    ///
    /// No message of a refused payload is delivered.
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

    /// Records that the application took the last message of a [batch](Self::poll_batch), or takes none of
    /// those that are left.
    ///
    /// The receive buffer then has the room of the batch again.
    pub fn handle_batch_taken(&mut self) {
        self.inbox.end_batch();
    }

    /// Records that bytes arrived from the client, which answers any heartbeat.
    ///
    /// Part of a WebSocket frame is enough.
    pub fn handle_alive(&mut self) {
        if let Some(attached) = self.state.attached_mut() {
            attached.alive();
        }
    }

    /// Records that the receiver took some of the bytes it was given, but not all of them.
    ///
    /// This restarts the send timeout.
    pub fn handle_progress(&mut self, now: Instant) {
        if let Some(attached) = self.state.attached_mut() {
            attached.progressed(now);
        }
    }

    /// Records that the receiver takes no bytes although some are waiting for it that are no frame
    /// of the session, such as the pong of a WebSocket.
    ///
    /// This starts the send timeout, unless it is running, and counts as
    /// [`handle_alive`](Self::handle_alive), because a driver that waits for the receiver reads
    /// nothing from the client. [`handle_progress`](Self::handle_progress) and
    /// [`handle_flushed`](Self::handle_flushed) count for these bytes too.
    pub fn handle_blocked(&mut self, now: Instant) {
        if let Some(attached) = self.state.attached_mut() {
            attached.alive();
            attached.start_waiting(now);
        }
    }

    /// Records that the receiver took all bytes of the frames it was given.
    ///
    /// The messages in these frames then count as delivered. Until then,
    /// [`poll_frame`](Self::poll_frame) holds back the close frame, because these messages must
    /// count as undelivered if the connection breaks.
    pub fn handle_flushed(&mut self, now: Instant) {
        let more = !self.outbox.is_empty() || matches!(self.state, State::Closing { .. });
        if let Some(attached) = self.state.attached_mut() {
            attached.flushed(now, more);
            if !self.inbox.has_room(self.config.receive_buffer()) {
                // The driver does not read from the client while the receive buffer is full, so an
                // answer could not arrive.
                attached.alive();
            }
        }
    }

    /// Applies the deadlines that have passed at `now`.
    ///
    /// A deadline that is overdue by more than a second is postponed once, by two seconds or its
    /// own delay if that is shorter. Timers are not that late, so the process was stopped or the
    /// machine asleep, and the driver has yet to read what the client sent in the meantime.
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
    /// - [`SendError::Full`] if the send buffer is full. An empty buffer has room for a message of
    ///   any length.
    /// - [`SendError::Closed`] if the session is closing or closed.
    ///
    /// Both return the message.
    #[inline]
    pub fn send(&mut self, now: Instant, message: Message) -> Result<(), SendError> {
        match self.state {
            State::Connecting { .. } | State::Open(_) => {}
            State::Closing { .. } | State::Closed(_) => return Err(SendError::Closed(message)),
        }
        self.outbox.push(message, self.config.send_buffer())?;
        self.start_waiting(now);
        Ok(())
    }

    /// Drops the queued messages from the client, and all that arrive later.
    ///
    /// [`poll_event`](Self::poll_event) returns no more messages, only the other events. The client
    /// notices nothing: [`handle_payload`](Self::handle_payload) still accepts its payloads, and the
    /// receive buffer is always empty, so that the driver never stops reading from the client.
    pub fn discard_messages(&mut self) {
        self.inbox.discard();
    }

    /// Closes the session: the client is sent the queued messages, then the close frame.
    ///
    /// A client without a receiver has the whole disconnect delay to attach one. If the session is
    /// already closing or closed, this does nothing, and the first reason and cause are kept.
    pub fn close(&mut self, now: Instant, reason: CloseReason, cause: Cause) {
        self.state.close(now, reason, cause);
    }

    /// Ends the session at once, without sending the queued messages or a close frame.
    ///
    /// If the session is already closing, it ends with the reason and cause it was closed with. If
    /// it has ended, this does nothing.
    pub fn abort(&mut self, reason: CloseReason, cause: Cause) {
        let unsent = self.outbox.clear();
        self.state.end(reason, cause, unsent);
    }
}

/// Output: what the driver must do next.
impl Session {
    /// Takes the next frame for the attached receiver; `None` if there is no frame or no receiver.
    ///
    /// A frame holds as many of the queued messages as the
    /// [frame limit](SessionConfig::with_frame_limit) allows. Taking the close frame ends the
    /// session.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame> {
        let attached = self.state.attached_mut()?;
        if let Some(frame) = self.outbox.pop(self.config.frame_limit()) {
            let messages = if let Frame::Messages(messages) = &frame {
                messages.len()
            } else {
                0
            };
            attached.sent(now, messages);
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

    /// Takes the next event for the application; `None` if there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop(self.state.ending())
    }

    /// Takes several messages for the application at once, so that a driver need not lock the session for
    /// each. They come before the events that [`poll_event`](Self::poll_event) returns next.
    ///
    /// The messages keep their room in the receive buffer until the driver calls
    /// [`handle_batch_taken`](Self::handle_batch_taken), which it does when the application takes the
    /// last of them. Until then there is no other batch.
    ///
    /// Returns `None` if another event comes first, or less than two messages can be taken. The messages
    /// are those of one payload, or all that are queued if these fill at most a quarter of the receive
    /// buffer.
    pub fn poll_batch(&mut self) -> Option<Batch> {
        self.inbox.pop_batch(self.config.receive_buffer())
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` if no deadline is set.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.poll_timeout(&self.config)
    }

    /// Returns whether [`poll_frame`](Self::poll_frame) would return a frame.
    pub fn has_frame(&self) -> bool {
        let Some(attached) = self.state.attached() else {
            return false;
        };
        !self.outbox.is_empty()
            || attached.heartbeat_is_due()
            || (matches!(self.state, State::Closing { .. }) && attached.in_flight() == 0)
    }

    /// Returns whether messages are queued for the application.
    pub fn has_messages(&self) -> bool {
        self.inbox.has_messages()
    }

    /// Returns whether the receive buffer has room for a payload of any length.
    pub fn has_room(&self) -> bool {
        self.inbox.has_room(self.config.receive_buffer())
    }

    /// Returns how many bytes of messages are queued for the client, counted as the
    /// [send buffer](SessionConfig::with_send_buffer) is.
    pub fn unsent(&self) -> usize {
        self.outbox.size()
    }

    /// Returns the configuration of the session.
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Returns the state of the session.
    pub fn state(&self) -> SessionState {
        match self.state {
            State::Connecting { .. } => SessionState::Connecting,
            State::Open(_) => SessionState::Open,
            State::Closing { .. } => SessionState::Closing,
            State::Closed(_) => SessionState::Closed,
        }
    }

    /// Returns how the session ended; `None` if it has not.
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

/// The state of a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "they are the four states of a browser's WebSocket, and of SockJS"
)]
pub enum SessionState {
    /// The session waits for its first receiver.
    Connecting,
    /// A receiver was attached, and messages are accepted in both directions.
    Open,
    /// The session is closing. The client has not yet been sent the queued messages and the close
    /// frame.
    Closing,
    /// The session has ended.
    Closed,
}

/// Why a receiver was not attached.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Another receiver is attached. The driver answers the new one with a close frame whose reason
    /// is [`CloseReason::ANOTHER_CONNECTION`].
    #[error("another receiver is attached")]
    Busy,
    /// The session has ended. The driver answers with a close frame with this reason.
    #[error("session is closed")]
    Closed(CloseReason),
}

/// Why a payload was not queued.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The receive buffer is full. The driver can offer the payload again once there is room.
    #[error("receive buffer is full")]
    Full(Payload),
    /// The session was not opened, is closing, or has ended.
    #[error("session is not open")]
    NotOpen,
}

/// Why a message was not queued. The error holds the message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The send buffer is full.
    #[error("send buffer is full")]
    Full(Message),
    /// The session is closing or has ended.
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
