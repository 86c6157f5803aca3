//! Answers to requests that are refused: status and exact body in one place.

use axum::response::Response as AxumResponse;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_VERSION};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use sockjs_core::{CallbackError, PayloadError};

use crate::body::OwnBody;
use crate::http::header::TEXT_PLAIN;

/// Why a request got no answer from a transport.
pub(crate) enum Refusal {
    ByUs(Reject),
    /// By an extractor of the handler.
    ByHandler(Response<OwnBody>),
}

impl Refusal {
    /// Returns the reason in a form for metrics: `no_session`.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::ByUs(reject) => reject.as_str(),
            Self::ByHandler(_) => "handler",
        }
    }

    pub(crate) fn into_response(self) -> Response<OwnBody> {
        match self {
            Self::ByUs(reject) => {
                match reject {
                    Reject::TooManySessions
                    | Reject::BodyTooLarge
                    | Reject::NoRoom
                    | Reject::Payload(PayloadError::TooLong) => {
                        tracing::warn!(reason = %reject, "request refused");
                    }
                    _ => tracing::debug!(reason = %reject, "request refused"),
                }
                reject.response().map(OwnBody::from)
            }
            Self::ByHandler(response) => {
                tracing::debug!(
                    status = response.status().as_u16(),
                    "session refused by handler"
                );
                response
            }
        }
    }

    /// Reads the body of an extractor's rejection, so that it is like those made here.
    pub(crate) async fn by_handler(rejection: AxumResponse) -> Self {
        let (mut parts, body) = rejection.into_parts();
        let body = match Limited::new(body, MAX_REJECTION).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                parts.headers.remove(CONTENT_LENGTH);
                Bytes::new()
            }
        };
        Self::ByHandler(Response::from_parts(parts, OwnBody::from(body)))
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self::ByUs(reject)
    }
}

/// Why a request is refused by us.
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
    #[error("body too large")]
    BodyTooLarge,
    #[error("body broke off")]
    BrokenBody,
    #[error("body came too slowly")]
    SlowBody,
    #[error("session has no room")]
    NoRoom,
    #[error("head too large")]
    HeadTooLarge,
    #[error("too many sessions")]
    TooManySessions,
    #[error("server shuts down")]
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
            Self::NoRoom => "receive_buffer",
            Self::HeadTooLarge => "head",
            Self::TooManySessions => "max_sessions",
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
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Payload too large."),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "Broken body."),
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "Body came too slowly."),
            Self::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "Too much waits."),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Head too large.",
            ),
            Self::TooManySessions => (StatusCode::SERVICE_UNAVAILABLE, "Too many sessions."),
            Self::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "Server shuts down."),
            Self::Origin => (StatusCode::FORBIDDEN, "Origin not allowed."),
        };
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = status;
        if !body.is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
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
            _ => {}
        }
        response
    }
}

/// How many bytes an extractor's rejection may have. They are read whole before they are sent.
const MAX_REJECTION: usize = 64 * 1024;
