use crate::{CloseReason, Message};

/// Something that happened in a session, for the application.
///
/// The order is: at most one `Opened`, any number of `Message`, one `Closed`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first receiver was attached. A session that is closed before that has no such event.
    Opened,
    /// The client sent a message.
    Message(Message),
    /// The session has ended. This is the last event.
    Closed(Ending),
}

/// How a session ended: its close reason, its cause, and the number of undelivered messages.
///
/// # Reason and cause
///
/// [`CloseReason`] is for the client. It is the code and the text of the close frame.
///
/// [`Cause`] is for the server: the application, its logs and its metrics. It says which event
/// ended the session, and is never sent. Several causes can have the same reason. For example, the
/// reason is [`CloseReason::INTERRUPTED`] after [`Cause::ReceiverLost`],
/// [`Cause::DisconnectTimeout`] and [`Cause::SlowClient`].
///
/// Both are set when the session starts to close, and do not change after that. If a session is
/// closed twice, the first reason and cause are kept.
///
/// A client cannot be told the reason while it has no receiver attached. It is told when it asks
/// again: see [`AttachError::Closed`](crate::AttachError::Closed). If the client itself closed the
/// session, the reason is the one that the client gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    pub(crate) reason: CloseReason,
    pub(crate) cause: Cause,
    pub(crate) undelivered: usize,
}

impl Ending {
    /// Returns the code and text for the client, or from the client if it closed the session.
    pub fn reason(&self) -> &CloseReason {
        &self.reason
    }

    /// Returns which event ended the session.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns how many messages were accepted from the application but not delivered.
    ///
    /// A message counts as delivered when the driver has written it to the connection. The network
    /// may still lose it after that; only an answer from the client proves that it arrived.
    pub fn undelivered(&self) -> usize {
        self.undelivered
    }
}

/// Which event ended a session. It is not sent to the client.
///
/// See [`Ending`](Ending#reason-and-cause) for how it relates to [`CloseReason`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// The application closed the session.
    ClosedByApp,
    /// The client sent a WebSocket close frame.
    ClosedByClient,
    /// The connection of the attached receiver broke, or was closed without a close frame. Or a
    /// request broke whose messages the client believes to be sent (`jsonp_send`).
    ReceiverLost,
    /// No receiver was attached for as long as the disconnect delay.
    DisconnectTimeout,
    /// The client did not answer a heartbeat within the pong timeout.
    HeartbeatTimeout,
    /// The client took no bytes for as long as the send timeout while some were waiting for it, or
    /// the application gave up on it because its send buffer was full.
    SlowClient,
    /// The client exceeded a limit, for example the length of a message.
    LimitExceeded,
    /// The client violated the SockJS or the WebSocket protocol.
    ProtocolError,
    /// The application's handler returned an error.
    HandlerFailed,
    /// The application's handler panicked.
    HandlerPanicked,
    /// The server is shutting down.
    ShuttingDown,
    /// Another node of the server's cluster owns the session now.
    ClaimLost,
}

impl Cause {
    /// Returns the name of the cause for logs and metrics, in snake case: `closed_by_app`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClosedByApp => "closed_by_app",
            Self::ClosedByClient => "closed_by_client",
            Self::ReceiverLost => "receiver_lost",
            Self::DisconnectTimeout => "disconnect_timeout",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::SlowClient => "slow_client",
            Self::LimitExceeded => "limit_exceeded",
            Self::ProtocolError => "protocol_error",
            Self::HandlerFailed => "handler_failed",
            Self::HandlerPanicked => "handler_panicked",
            Self::ShuttingDown => "shutting_down",
            Self::ClaimLost => "claim_lost",
        }
    }
}
