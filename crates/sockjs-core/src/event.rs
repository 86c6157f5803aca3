use crate::{CloseReason, Message};

/// What the application hears of a session, in this order: `Opened`, any number of `Message`,
/// `Closed`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first receiver is attached. Missing if none was before the session closed.
    Opened,
    /// The client sent a message.
    Message(Message),
    /// The session is over, and nothing follows.
    Closed(Ending),
}

/// How a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    pub(crate) reason: CloseReason,
    pub(crate) cause: Cause,
    pub(crate) undelivered: usize,
}

impl Ending {
    /// Returns the code and text that a client is told, or that it gave.
    pub fn reason(&self) -> &CloseReason {
        &self.reason
    }

    /// Returns what ended the session.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns how many messages the application sent that were not handed to the network.
    ///
    /// What was handed over may still be lost there; only the client can tell.
    pub fn undelivered(&self) -> usize {
        self.undelivered
    }
}

/// What ended a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// The application closed it.
    ClosedByApp,
    /// The client closed its WebSocket with a close frame.
    ClosedByClient,
    /// The connection of an attached receiver broke, or the client went without a word.
    ReceiverLost,
    /// No receiver was attached for the disconnect delay.
    DisconnectTimeout,
    /// The client showed no sign of life after a heartbeat.
    HeartbeatTimeout,
    /// The client took nothing for the send timeout while something waited for it.
    SlowClient,
    /// The client sent more than a limit allows.
    LimitExceeded,
    /// The client broke the protocol.
    ProtocolError,
    /// The application's handler panicked.
    HandlerPanicked,
    /// The server shuts down.
    ShuttingDown,
}

impl Cause {
    /// Returns the cause in a form for logs and metrics: `closed_by_app`.
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
            Self::HandlerPanicked => "handler_panicked",
            Self::ShuttingDown => "shutting_down",
        }
    }
}
