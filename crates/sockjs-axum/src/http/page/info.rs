use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use sockjs_core::quote;
use uuid::Uuid;

use crate::http::header::JSON;

/// The answer that tells a client what the mount offers.
///
/// It is made from options alone and waits for nothing, because the client measures the round trip
/// of this request and sizes its timeouts by it.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) websocket: bool,
    pub(crate) cookie_needed: bool,
    pub(crate) base_url: Option<String>,
}

impl Info {
    pub(crate) fn response(&self) -> Response<Bytes> {
        let Self {
            websocket,
            cookie_needed,
            base_url,
        } = self;
        // The first field of a random UUID is 32 random bits.
        let (entropy, ..) = Uuid::new_v4().as_fields();
        let mut body = format!(
            r#"{{"websocket":{websocket},"origins":["*:*"],"cookie_needed":{cookie_needed},"entropy":{entropy}"#
        )
        .into_bytes();
        if let Some(base_url) = base_url {
            body.extend_from_slice(br#","base_url":"#);
            quote(base_url, &mut body);
        }
        body.push(b'}');

        let mut response = Response::new(Bytes::from(body));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }
}
