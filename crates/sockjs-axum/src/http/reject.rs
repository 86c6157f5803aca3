//! The answers to refused requests: every status and exact body is in this file.

use axum::response::Response as AxumResponse;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use sockjs_core::{CallbackError, PayloadError};

use super::header::TEXT_PLAIN;
use crate::throttle::Throttle;

/// Why a request was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    ByUs(Reject),
    /// An extractor of the handler rejected the request with this response.
    ByHandler(Response<Bytes>),
}

impl Refusal {
    /// Returns the reason in a form for metrics: `no_session`.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::ByUs(reject) => reject.as_str(),
            Self::ByHandler(_) => "handler",
        }
    }

    /// Logs the refusal and makes its response. A reason that any client can cause is a warning once a
    /// minute.
    pub(crate) fn into_response(self, warnings: &Throttle) -> Response<Bytes> {
        match self {
            Self::ByUs(reject) => {
                match reject {
                    Reject::TooManySessions
                    | Reject::TooManyEndedSessions
                    | Reject::BodyTooLarge
                    | Reject::NoRoom
                    | Reject::NoRoomForStray
                    | Reject::Payload(PayloadError::TooLong) => {
                        if warnings.passes(reject.as_str()) {
                            tracing::warn!(reason = %reject, "request refused");
                        } else {
                            tracing::debug!(reason = %reject, "request refused");
                        }
                    }
                    _ => tracing::debug!(reason = %reject, "request refused"),
                }
                reject.response()
            }
            Self::ByHandler(response) => {
                let status = response.status();
                if status.is_server_error() {
                    tracing::error!(status = status.as_u16(), "session refused by handler");
                } else {
                    tracing::debug!(status = status.as_u16(), "session refused by handler");
                }
                response
            }
        }
    }

    /// Reads the whole body of an extractor's rejection, so that it can be sent like the bodies made
    /// here.
    pub(crate) async fn by_handler(rejection: AxumResponse) -> Self {
        let (mut parts, body) = rejection.into_parts();
        let body = match Limited::new(body, MAX_REJECTION).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                parts.headers.remove(CONTENT_LENGTH);
                Bytes::new()
            }
        };
        Self::ByHandler(Response::from_parts(parts, body))
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self::ByUs(reject)
    }
}

/// Why this crate refuses a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Reject {
    #[error("not found")]
    NotFound,
    #[error("method not allowed")]
    Method(&'static [Method]),
    #[error("unknown or closed session")]
    NoSession,
    #[error("not a websocket request")]
    NotWebSocket,
    #[error("unsupported websocket version")]
    WebSocketVersion,
    #[error("no valid websocket key")]
    WebSocketKey,
    #[error("{0}")]
    Callback(CallbackError),
    #[error("{0}")]
    Payload(PayloadError),
    #[error("request body too large")]
    BodyTooLarge,
    #[error("request body is incomplete")]
    BrokenBody,
    #[error("request body arrived too slowly")]
    SlowBody,
    #[error("too many send requests are waiting")]
    NoRoom,
    #[error("too many bodies of unknown sessions")]
    NoRoomForStray,
    #[error("request head too large")]
    HeadTooLarge,
    #[error("too many sessions")]
    TooManySessions,
    #[error("too many sessions of one client")]
    TooManySessionsPerKey,
    #[error("too many sessions ended recently")]
    TooManyEndedSessions,
    #[error("server is shutting down")]
    ShuttingDown,
    #[error("origin not allowed")]
    Origin,
}

impl Reject {
    fn as_str(self) -> &'static str {
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
            Self::NoRoom => "max_send_requests",
            Self::NoRoomForStray => "unknown_session_buffer",
            Self::HeadTooLarge => "head",
            Self::TooManySessions => "max_sessions",
            Self::TooManySessionsPerKey => "max_sessions_per_key",
            Self::TooManyEndedSessions => "max_ended_sessions",
            Self::ShuttingDown => "shutting_down",
            Self::Origin => "origin",
        }
    }

    fn response(self) -> Response<Bytes> {
        let (status, body) = match self {
            Self::NotFound | Self::NoSession => (StatusCode::NOT_FOUND, ""),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, ""),
            Self::NotWebSocket => (StatusCode::BAD_REQUEST, "Not a valid websocket request"),
            Self::WebSocketVersion => (
                StatusCode::BAD_REQUEST,
                "Only websocket version 13 is supported",
            ),
            Self::WebSocketKey => (
                StatusCode::BAD_REQUEST,
                "\"Sec-WebSocket-Key\" header missing or invalid",
            ),
            Self::Callback(CallbackError::Missing) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "\"callback\" parameter required",
            ),
            Self::Callback(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "invalid \"callback\" parameter",
            ),
            Self::Payload(PayloadError::Expected) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Payload expected.")
            }
            Self::Payload(PayloadError::TooLong) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "Message too large.")
            }
            Self::Payload(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Broken JSON encoding."),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request body too large."),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "Incomplete request body."),
            Self::SlowBody => (
                StatusCode::REQUEST_TIMEOUT,
                "The request body arrived too slowly.",
            ),
            Self::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many send requests are waiting.",
            ),
            Self::NoRoomForStray => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many requests of unknown sessions.",
            ),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request head too large.",
            ),
            Self::TooManySessions => (StatusCode::SERVICE_UNAVAILABLE, "Too many sessions."),
            // Not a 5xx, which proxies take for a fault of the server.
            Self::TooManySessionsPerKey => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many sessions of one client.",
            ),
            Self::TooManyEndedSessions => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many sessions ended recently.",
            ),
            Self::ShuttingDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is shutting down.",
            ),
            Self::Origin => (StatusCode::FORBIDDEN, "Origin not allowed."),
        };
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = status;
        if !body.is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, ONE_SECOND);
        }
        match self {
            Self::Method(allow) => {
                let allow: Vec<&str> = allow.iter().map(Method::as_str).collect();
                if let Ok(allow) = HeaderValue::try_from(allow.join(", ")) {
                    response.headers_mut().insert(ALLOW, allow);
                }
            }
            Self::WebSocketVersion => {
                response
                    .headers_mut()
                    .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Self::TooManySessions | Self::TooManySessionsPerKey | Self::TooManyEndedSessions => {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

/// A client may try again at once, but many clients must not do so in a loop.
const ONE_SECOND: HeaderValue = HeaderValue::from_static("1");

/// How many bytes the body of an extractor's rejection may have. A longer one is replaced by nothing.
const MAX_REJECTION: usize = 64 * 1024;
