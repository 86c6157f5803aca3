use std::error::Error;
use std::fmt;
use std::iter::successors;

use sockjs_core::{JsonError, Message};

/// Why a message was not sent: the session is closing or closed. The error holds the message.
///
/// A [handler](crate::SessionHandler) may return this error when its session is gone: that is not
/// logged as a failure.
#[derive(Clone, Debug, Eq, PartialEq)]
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

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(UNSENT)
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&SessionGone)
    }
}

/// Why a message could not be sent at once. Holds the message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TrySendError {
    /// The send buffer is full, or others wait for room in it.
    Full(Message),
    /// The session is closing or closed.
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

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "send buffer is full",
            Self::Closed(_) => UNSENT,
        })
    }
}

impl Error for TrySendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Full(_) => None,
            Self::Closed(_) => Some(&SessionGone),
        }
    }
}

/// Why a session did not join a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JoinError {
    /// The session is closing or closed.
    Closed,
    /// The session is in as many topics as [`max_topics`](crate::SockJsLayer::max_topics) allows. It
    /// can join when it has left one.
    TooManyTopics,
    /// The name of the topic has more than 256 bytes.
    NameTooLong,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "topic was not joined",
            Self::TooManyTopics => "session is in too many topics",
            Self::NameTooLong => "topic name is too long",
        })
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed => Some(&SessionGone),
            Self::TooManyTopics | Self::NameTooLong => None,
        }
    }
}

/// Why a value was not sent as JSON.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendJsonError {
    /// The value cannot be written as JSON.
    Json(JsonError),
    /// The session is closing or closed.
    Closed,
}

impl fmt::Display for SendJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "value is not JSON",
            Self::Closed => UNSENT,
        })
    }
}

impl Error for SendJsonError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Json(error) => error,
            Self::Closed => &SessionGone,
        })
    }
}

/// The source of every error that says that a session is gone.
///
/// `anyhow` hides the type of an error that it holds, but not the types of the error's sources. So
/// the source tells what such an error is, wherever in a chain the error is.
#[derive(Debug, thiserror::Error)]
#[error("session is closed")]
struct SessionGone;

/// Returns whether an error, or one of its sources, says that a session is gone.
pub(crate) fn is_session_gone(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<SessionGone>())
}

/// Writes an error and all its sources.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for error in chain(self.0) {
            write!(f, "{separator}{error}")?;
            separator = ": ";
        }
        Ok(())
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// The error of a request body or of a handler, of any type.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

const UNSENT: &str = "message was not sent";
