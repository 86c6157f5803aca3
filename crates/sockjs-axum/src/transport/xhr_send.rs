use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;

use crate::error::BoxError;
use crate::http::header::TEXT_PLAIN;
use crate::http::reject::Refusal;
use crate::mount::Mount;

use super::{OwnBody, send};

/// `POST /SERVER/SESSION/xhr_send`: a JSON array of messages, of whatever content type.
pub(crate) async fn xhr_send<B>(
    mount: &Mount,
    parts: &Parts,
    body: B,
    id: &str,
) -> Result<Response<OwnBody>, Refusal>
where
    B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
{
    send::send(mount, parts, body, id, send::into_text).await?;

    let mut response = Response::new(OwnBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CONTENT_TYPE, TEXT_PLAIN);
    Ok(response)
}
