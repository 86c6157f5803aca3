use sockjs_core::Message;

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

/// Any error, as bodies of other crates have it.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
