use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::http::header::TEXT_PLAIN;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Wanted};

use super::OwnBody;
use super::buffer::Format;
use super::send::{Audience, Sent, send};
use super::upload::Upload;

/// `POST /SERVER/SESSION/jsonp_send`: a JSON array of messages, in the field `d` of a form or bare.
pub(crate) async fn jsonp_send(
    mount: &Mount,
    parts: &Parts,
    upload: &mut Upload,
    wanted: &Wanted<'_>,
) -> Result<Response<OwnBody>, Refusal> {
    let format = if is_form(parts) {
        Format::Form
    } else {
        Format::Plain
    };
    let sent = send(mount, parts, upload, wanted, format, Audience::Nobody).await?;
    if let Sent::Elsewhere(relayed) = sent {
        return Ok(OwnBody::relayed(*relayed));
    }
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
