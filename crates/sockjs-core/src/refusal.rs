use std::borrow::Cow;

use crate::{CallbackError, PayloadError};

/// Why a request is refused, and how the client is told.
///
/// The status codes are part of the protocol, as the texts are: clients and test suites expect them.
/// They are plain numbers here. The sections "Sending over HTTP", "WebSocket" and "Refusals" of
/// `docs/protocol.md` say when to use which; rule P25 is about callbacks.
///
/// An answer has the [`status`](Self::status), the [`text`](Self::text) as its body, and the
/// [`header`](Self::header) if there is one. It also has the headers that every answer of the URL has:
/// without those of CORS, a script cannot tell a refusal from a broken network.
///
/// ```
/// use sockjs_core::{Endpoint, Payload, Refusal};
///
/// let refusal: Refusal = Payload::parse("[5]", 1024).map_err(Refusal::Payload).unwrap_err();
/// assert_eq!(refusal.status(), 500);
/// assert_eq!(refusal.text(), "Broken JSON encoding.");
/// assert_eq!(refusal.header(), None);
///
/// let refusal = Refusal::Method(Endpoint::Greeting.methods());
/// assert_eq!(refusal.status(), 405);
/// assert_eq!(refusal.header(), Some(("allow", "GET, HEAD".into())));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The URL is not in the table, or the server does not offer it.
    #[error("not found")]
    NotFound,
    /// The URL does not allow the method. These [methods](crate::Endpoint::methods) are allowed.
    #[error("method not allowed")]
    Method(&'static [&'static str]),
    /// A send request has no open session.
    #[error("unknown or closed session")]
    NoSession,
    /// The request for a WebSocket URL is not a WebSocket handshake.
    #[error("not a websocket request")]
    NotWebSocket,
    /// The WebSocket handshake is of another version than 13.
    #[error("unsupported websocket version")]
    WebSocketVersion,
    /// The `Sec-WebSocket-Key` of the handshake is missing, or is not 16 bytes in Base64.
    #[error("no valid websocket key")]
    WebSocketKey,
    /// An `htmlfile` or `jsonp` request has no valid callback.
    #[error("{0}")]
    Callback(CallbackError),
    /// The body of a send request is not an array of messages, or a message is too long.
    #[error("{0}")]
    Payload(PayloadError),
    /// The body of the request is longer than the server allows.
    #[error("request body too large")]
    BodyTooLarge,
    /// The connection broke, or the body ended, before the body was complete.
    #[error("request body is incomplete")]
    BrokenBody,
    /// The body of a send request was not complete in time.
    #[error("request body arrived too slowly")]
    SlowBody,
    /// The session has as many send requests at a time as the server allows.
    #[error("too many send requests are waiting")]
    TooManySendRequests,
    /// Bodies of send requests without a session take as much memory as the server allows.
    #[error("too many bodies of unknown sessions")]
    TooManyStrayRequests,
    /// The head of a request that would open a session is longer than the server keeps.
    #[error("request head too large")]
    HeadTooLarge,
    /// The server has as many sessions as it may have.
    #[error("too many sessions")]
    TooManySessions,
    /// The client has as many sessions as one client may have.
    #[error("too many sessions of one client")]
    TooManySessionsPerKey,
    /// As many sessions have ended recently as the server can remember.
    #[error("too many sessions ended recently")]
    TooManyEndedSessions,
    /// The server is shutting down and opens no session.
    #[error("server is shutting down")]
    ShuttingDown,
    /// The server cannot find out which node of its cluster has the session.
    #[error("directory of sessions is unavailable")]
    DirectoryUnavailable,
    /// The node of the server's cluster that has the session does not answer.
    #[error("node of the session is unreachable")]
    NodeUnreachable,
    /// The origin of the page is not allowed.
    #[error("origin not allowed")]
    Origin,
}

impl Refusal {
    /// Returns the name of the refusal for logs and metrics, in snake case: `no_session`.
    ///
    /// Several refusals can have the same name. A refusal for a limit has the name of the option of
    /// `sockjs-axum` that sets the limit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Method(_) => "method",
            Self::NoSession => "no_session",
            Self::NotWebSocket | Self::WebSocketVersion | Self::WebSocketKey => "handshake",
            Self::Callback(_) => "callback",
            Self::Payload(PayloadError::TooLong) => "message_limit",
            Self::Payload(_) | Self::BrokenBody => "payload",
            Self::BodyTooLarge => "body_limit",
            Self::SlowBody => "slow_body",
            Self::TooManySendRequests => "max_send_requests",
            Self::TooManyStrayRequests => "unknown_session_buffer",
            Self::HeadTooLarge => "head",
            Self::TooManySessions => "max_sessions",
            Self::TooManySessionsPerKey => "max_sessions_per_key",
            Self::TooManyEndedSessions => "max_ended_sessions",
            Self::ShuttingDown => "shutting_down",
            Self::DirectoryUnavailable => "directory_unavailable",
            Self::NodeUnreachable => "node_unreachable",
            Self::Origin => "origin",
        }
    }

    /// Returns the status code of the answer.
    pub const fn status(self) -> u16 {
        self.answer().0
    }

    /// Returns the body of the answer, which is `text/plain; charset=UTF-8`. An empty body has no
    /// `Content-Type`.
    pub const fn text(self) -> &'static str {
        self.answer().1
    }

    /// Returns the header that the answer has in addition: its name in lower case, and its value.
    ///
    /// It is `Allow` if the method is wrong, `Sec-WebSocket-Version` if the version is, and
    /// `Retry-After` if the server has no room.
    pub fn header(self) -> Option<(&'static str, Cow<'static, str>)> {
        match self {
            Self::Method(allow) => Some(("allow", allow.join(", ").into())),
            Self::WebSocketVersion => Some(("sec-websocket-version", "13".into())),
            Self::TooManySessions | Self::TooManySessionsPerKey | Self::TooManyEndedSessions => {
                Some(("retry-after", "5".into()))
            }
            // A client may try again at once, but many clients must not do so in a loop.
            Self::TooManySendRequests
            | Self::TooManyStrayRequests
            | Self::ShuttingDown
            | Self::DirectoryUnavailable
            | Self::NodeUnreachable => Some(("retry-after", "1".into())),
            Self::NotFound
            | Self::NoSession
            | Self::NotWebSocket
            | Self::WebSocketKey
            | Self::Callback(_)
            | Self::Payload(_)
            | Self::BodyTooLarge
            | Self::BrokenBody
            | Self::SlowBody
            | Self::HeadTooLarge
            | Self::Origin => None,
        }
    }

    const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::NotFound | Self::NoSession => (404, ""),
            Self::Method(_) => (405, ""),
            Self::NotWebSocket => (400, "Not a valid websocket request"),
            Self::WebSocketVersion => (400, "Only websocket version 13 is supported"),
            Self::WebSocketKey => (400, "\"Sec-WebSocket-Key\" header missing or invalid"),
            Self::Callback(CallbackError::Missing) => (500, "\"callback\" parameter required"),
            Self::Callback(CallbackError::Invalid) => (500, "invalid \"callback\" parameter"),
            Self::Payload(PayloadError::Expected) => (500, "Payload expected."),
            Self::Payload(PayloadError::Broken) => (500, "Broken JSON encoding."),
            Self::Payload(PayloadError::TooLong) => (413, "Message too large."),
            Self::BodyTooLarge => (413, "Request body too large."),
            Self::BrokenBody => (400, "Incomplete request body."),
            Self::SlowBody => (408, "The request body arrived too slowly."),
            Self::TooManySendRequests => (503, "Too many send requests are waiting."),
            Self::TooManyStrayRequests => (503, "Too many requests of unknown sessions."),
            Self::HeadTooLarge => (431, "Request head too large."),
            Self::TooManySessions => (503, "Too many sessions."),
            // Not a 5xx, which proxies take for a fault of the server.
            Self::TooManySessionsPerKey => (429, "Too many sessions of one client."),
            Self::TooManyEndedSessions => (503, "Too many sessions ended recently."),
            Self::ShuttingDown => (503, "The server is shutting down."),
            Self::DirectoryUnavailable => (503, "The session cannot be found now."),
            Self::NodeUnreachable => (503, "The server of the session cannot be reached."),
            Self::Origin => (403, "Origin not allowed."),
        }
    }
}

impl From<CallbackError> for Refusal {
    fn from(error: CallbackError) -> Self {
        Self::Callback(error)
    }
}

impl From<PayloadError> for Refusal {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Refusal; 24] = [
        Refusal::NotFound,
        Refusal::Method(&["GET"]),
        Refusal::NoSession,
        Refusal::NotWebSocket,
        Refusal::WebSocketVersion,
        Refusal::WebSocketKey,
        Refusal::Callback(CallbackError::Missing),
        Refusal::Callback(CallbackError::Invalid),
        Refusal::Payload(PayloadError::Expected),
        Refusal::Payload(PayloadError::Broken),
        Refusal::Payload(PayloadError::TooLong),
        Refusal::BodyTooLarge,
        Refusal::BrokenBody,
        Refusal::SlowBody,
        Refusal::TooManySendRequests,
        Refusal::TooManyStrayRequests,
        Refusal::HeadTooLarge,
        Refusal::TooManySessions,
        Refusal::TooManySessionsPerKey,
        Refusal::TooManyEndedSessions,
        Refusal::ShuttingDown,
        Refusal::DirectoryUnavailable,
        Refusal::NodeUnreachable,
        Refusal::Origin,
    ];

    #[test]
    fn statuses_are_errors_and_a_server_without_room_says_when_to_retry() {
        for refusal in ALL {
            let status = refusal.status();
            assert!((400..=599).contains(&status), "{refusal:?}");
            let retries = matches!(refusal.header(), Some(("retry-after", _)));
            assert_eq!(retries, matches!(status, 429 | 503), "{refusal:?}");
        }
    }

    #[test]
    fn names_are_in_snake_case() {
        for refusal in ALL {
            let name = refusal.as_str();
            let is_snake = |b: u8| b.is_ascii_lowercase() || b == b'_';
            assert!(!name.is_empty() && name.bytes().all(is_snake), "{name}");
        }
    }

    #[test]
    fn headers_say_what_would_be_accepted() {
        let allow = Refusal::Method(&["OPTIONS", "POST"]).header();
        assert_eq!(allow, Some(("allow", "OPTIONS, POST".into())));
        let version = Refusal::WebSocketVersion.header();
        assert_eq!(version, Some(("sec-websocket-version", "13".into())));
        for refusal in [Refusal::NotFound, Refusal::NoSession, Refusal::Origin] {
            assert_eq!(refusal.header(), None);
        }
    }
}
