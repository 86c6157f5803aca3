use sockjs_core::{JsonError, Message};

/// Why a message was not sent: the session is closing or closed. The error holds the message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("session is closed")]
pub struct SendError {
    message: Message,
}

impl SendError {
    pub(crate) fn new(message: Message) -> Self {
        Self { message }
    }

    /// Returns the message that was not sent.
    pub fn into_message(self) -> Message {
        self.message
    }
}

/// Why a message could not be sent at once. Holds the message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrySendError {
    /// The send buffer is full, or others wait for room in it.
    #[error("send buffer is full")]
    Full(Message),
    /// The session is closing or closed.
    #[error("session is closed")]
    Closed(Message),
}

impl TrySendError {
    pub(crate) fn from_core(error: sockjs_core::SendError) -> Self {
        match error {
            sockjs_core::SendError::Full(message) => Self::Full(message),
            error => Self::Closed(error.into_message()),
        }
    }

    /// Returns the message that was not sent.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }
}

/// Why a session did not join a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The session is closing or closed.
    #[error("session is closed")]
    Closed,
    /// The session is in as many topics as [`max_topics`](crate::SockJsLayer::max_topics) allows. It
    /// can join when it has left one.
    #[error("session is in too many topics")]
    TooManyTopics,
    /// The name of the topic has more than 256 bytes.
    #[error("topic name is too long")]
    NameTooLong,
}

/// Why a value was not sent as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendJsonError {
    /// The value cannot be written as JSON.
    #[error("value is not JSON")]
    Json(#[source] JsonError),
    /// The session is closing or closed.
    #[error("session is closed")]
    Closed,
}

/// The error of a request body of any type.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
