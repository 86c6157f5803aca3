use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use sockjs_core::GREETING;

use crate::http::header::TEXT_PLAIN;

/// Answers a request for the mount itself, which shows people that the mount is there.
pub(crate) fn greeting() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(GREETING.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
    response
}
