use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use sockjs_core::Info;
use uuid::Uuid;

use crate::http::header::JSON;

/// Answers a request for `/info`.
pub(crate) fn info(info: &Info<'_>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(info.to_json()));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Returns a random number.
pub(crate) fn entropy() -> u32 {
    // The first field of a random UUID is 32 random bits.
    let (entropy, ..) = Uuid::new_v4().as_fields();
    entropy
}
