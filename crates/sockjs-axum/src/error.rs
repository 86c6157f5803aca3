use sockjs_core::{JsonError, Message};

/// Why a message was not sent: the session closes or is closed.
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

/// Why a value was not sent as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendJsonError {
    /// The value cannot be written as JSON.
    #[error("value is not JSON")]
    Json(#[source] JsonError),
    /// The session closes or is closed.
    #[error("session is closed")]
    Closed,
}

/// Any error, as bodies of other crates have it.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
