//! The answers to refused requests. Core has their statuses and bodies.

use axum::response::Response as AxumResponse;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use sockjs_core::PayloadError;

use super::header::TEXT_PLAIN;
use crate::throttle::Throttle;

// A handler can refuse a request as well, so what core calls a refusal is one of two kinds here.
pub(crate) use sockjs_core::Refusal as Reject;

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
                    | Reject::TooManySendRequests
                    | Reject::TooManyStrayRequests
                    | Reject::DirectoryUnavailable
                    | Reject::NodeUnreachable
                    | Reject::Payload(PayloadError::TooLong) => {
                        if warnings.passes(reject.as_str()) {
                            tracing::warn!(reason = %reject, "request refused");
                        } else {
                            tracing::debug!(reason = %reject, "request refused");
                        }
                    }
                    _ => tracing::debug!(reason = %reject, "request refused"),
                }
                response(reject)
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

fn response(reject: Reject) -> Response<Bytes> {
    let text = reject.text();
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() =
        StatusCode::from_u16(reject.status()).expect("core has statuses from 400 to 599");
    let headers = response.headers_mut();
    if !text.is_empty() {
        headers.insert(CONTENT_TYPE, TEXT_PLAIN);
    }
    if let Some((name, value)) = reject.header() {
        let value = HeaderValue::try_from(&*value).expect("core has visible ASCII");
        headers.insert(HeaderName::from_static(name), value);
    }
    response
}

/// How many bytes the body of an extractor's rejection may have. A longer one is replaced by nothing.
const MAX_REJECTION: usize = 64 * 1024;
