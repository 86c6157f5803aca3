use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use sockjs_core::quote;
use uuid::Uuid;

use crate::config::{Config, CookieValue};
use crate::http::header::JSON;

/// Tells a client what this mount can do. Answered from configuration alone: the client times this
/// request and sizes its timeouts by it.
pub(crate) fn info(config: &Config, parts: &Parts) -> Response<Bytes> {
    let websocket = config.websocket();
    let cookie_needed = !matches!(config.jsessionid.value, CookieValue::Off);
    // The first field of a random UUID is 32 random bits.
    let (entropy, ..) = Uuid::new_v4().as_fields();
    let mut body = format!(
        r#"{{"websocket":{websocket},"origins":["*:*"],"cookie_needed":{cookie_needed},"entropy":{entropy}"#
    )
    .into_bytes();
    if let Some(base_url) = &config.base_url {
        body.extend_from_slice(br#","base_url":"#);
        quote(&base_url.call(parts), &mut body);
    }
    body.push(b'}');

    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
