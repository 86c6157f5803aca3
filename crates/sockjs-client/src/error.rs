use std::io;

use http::StatusCode;
use sockjs_core::{CloseReason, Transport};

/// Why a client could not connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL of the mount, or the `base_url` of the server, cannot be used. The text says why.
    #[error("invalid URL: {0}")]
    Url(String),
    /// A header or cookie has a name or value that HTTP does not allow. The text is its name.
    #[error("invalid header `{0}`")]
    Header(String),
    /// The client does not have this transport.
    #[error("the client does not support {0}")]
    Unsupported(Transport),
    /// The request for `/info` failed.
    #[error("the request for /info failed")]
    Info(#[source] TransportError),
    /// Each transport failed, in this order. The list is empty if there was no transport to try.
    #[error("all transports failed{}", describe(.0))]
    Transports(Vec<(Transport, TransportError)>),
    /// The server closed the session before it was open.
    #[error("the server closed the session with {}: {}", .0.code(), .0.reason())]
    Closed(CloseReason),
    /// [`connect_timeout`](crate::Builder::connect_timeout) has passed.
    #[error("timed out")]
    TimedOut,
}

impl ConnectError {
    /// Returns the status of the response that refused the client, if there was one.
    ///
    /// If several transports were tried, it is the status that the last one got.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Info(error) => error.status(),
            Self::Transports(errors) => errors.iter().rev().find_map(|(_, it)| it.status()),
            _ => None,
        }
    }
}

/// Why a request to the server, or a transport, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection to the server could be established.
    #[error("cannot connect to the server")]
    Connect(#[source] io::Error),
    /// The connection broke.
    #[error("connection lost")]
    Lost(#[source] io::Error),
    /// The server answered with a status that means a refusal.
    #[error("the server answered {status}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The first 4 KiB of the body.
        body: String,
    },
    /// The server sent what is not SockJS. The text says what is wrong with it.
    #[error("not SockJS: {0}")]
    Protocol(&'static str),
    /// The server sent a frame or message that is longer than
    /// [`frame_limit`](crate::Builder::frame_limit).
    #[error("frame too long")]
    TooLong,
    /// The server closed the WebSocket without a close frame of SockJS.
    #[error("the server closed the connection with {}: {}", .0.code(), .0.reason())]
    Closed(CloseReason),
    /// Nothing arrived in time.
    #[error("timed out")]
    TimedOut,
    /// `/info` says that the server has no WebSockets.
    #[error("the server has no WebSockets")]
    Disabled,
}

impl TransportError {
    pub(crate) fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Lost(io::Error::other(error))
    }

    /// Returns the status of the response that refused the request, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns how a session ends that this error ends.
    pub(crate) fn into_reason(self) -> CloseReason {
        match self {
            Self::Closed(reason) => reason,
            error => abnormal(text_with_sources(&error)),
        }
    }
}

/// Why [`Client::send`](crate::Client::send) failed: the session is closed. The message is not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session is closed")]
#[non_exhaustive]
pub struct SendError;

/// Returns the reason for an end that the server did not announce.
pub(crate) fn abnormal(text: impl Into<std::borrow::Cow<'static, str>>) -> CloseReason {
    CloseReason::new(1006, text)
}

fn describe(errors: &[(Transport, TransportError)]) -> String {
    errors
        .iter()
        .enumerate()
        .map(|(i, (transport, error))| {
            let separator = if i == 0 { ": " } else { "; " };
            format!("{separator}{transport}: {}", text_with_sources(error))
        })
        .collect()
}

fn text_with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // An `io::Error` that only wraps another error repeats its text.
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}
