use bytes::{Buf, Bytes};
use http::Response;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body::Body;
use sockjs_core::form_payload;

use crate::error::BoxError;
use crate::http::header::TEXT_PLAIN;
use crate::http::reject::Refusal;
use crate::mount::Mount;

use super::{OwnBody, send};

/// `POST /SERVER/SESSION/jsonp_send`: a JSON array of messages, in the field `d` of a form or bare.
pub(crate) async fn jsonp_send<B>(
    mount: &Mount,
    parts: &Parts,
    body: B,
    id: &str,
) -> Result<Response<OwnBody>, Refusal>
where
    B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
{
    let decode = if is_form(parts) {
        // A form without the field is as good as no body.
        |body: Vec<u8>| form_payload(&body).unwrap_or_default()
    } else {
        send::into_text
    };
    send::send(mount, parts, body, id, decode).await?;

    let mut response = Response::new(OwnBody::from(Bytes::from_static(b"ok")));
    response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
    Ok(response)
}

fn is_form(parts: &Parts) -> bool {
    let Some(value) = parts.headers.get(CONTENT_TYPE) else {
        return false;
    };
    let media_type = value
        .as_bytes()
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default();
    media_type
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}
