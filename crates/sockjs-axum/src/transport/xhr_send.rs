use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::http::header::TEXT_PLAIN;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Wanted};

use super::OwnBody;
use super::buffer::Format;
use super::send::{Audience, Sent, send};
use super::upload::Upload;

/// `POST /SERVER/SESSION/xhr_send`: a JSON array of messages, of whatever content type.
pub(crate) async fn xhr_send(
    mount: &Mount,
    parts: &Parts,
    upload: &mut Upload,
    wanted: &Wanted<'_>,
) -> Result<Response<OwnBody>, Refusal> {
    let sent = send(mount, parts, upload, wanted, Format::Plain, Audience::Page).await?;
    if let Sent::Elsewhere(relayed) = sent {
        return Ok(OwnBody::relayed(*relayed));
    }
    let mut response = Response::new(OwnBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
    Ok(response)
}
