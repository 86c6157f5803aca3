use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::http::header::TEXT_PLAIN;
use crate::http::reject::Refusal;
use crate::mount::Mount;

use super::OwnBody;
use super::buffer::Format;
use super::send::{Audience, send};
use super::upload::Upload;

/// `POST /SERVER/SESSION/xhr_send`: a JSON array of messages, of whatever content type.
pub(crate) async fn xhr_send(
    mount: &Mount,
    parts: &Parts,
    upload: &mut Upload,
    id: &str,
) -> Result<Response<OwnBody>, Refusal> {
    send(mount, parts, upload, id, Format::Plain, Audience::Page).await?;

    let mut response = Response::new(OwnBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
    Ok(response)
}
