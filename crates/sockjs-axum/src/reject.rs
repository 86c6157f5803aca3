//! Answers to requests that are refused: status and exact body in one place.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, SEC_WEBSOCKET_VERSION};
use http::{HeaderValue, Response, StatusCode};
use sockjs_core::{CallbackError, PayloadError};

use crate::header::TEXT_PLAIN;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Reject {
    #[error("not found")]
    NotFound,
    #[error("method not allowed")]
    Method(&'static str),
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
    #[error("too many sessions")]
    TooManySessions,
}

impl Reject {
    /// Answers the request.
    pub(crate) fn response(self) -> Response<Bytes> {
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
            Self::TooManySessions => (StatusCode::SERVICE_UNAVAILABLE, "Too many sessions."),
        };
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = status;
        if !body.is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
        }
        match self {
            Self::Method(allow) => {
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(allow));
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
