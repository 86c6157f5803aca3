//! What the send requests share: from a body to the session.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body::Body;
use http_body_util::BodyExt;
use sockjs_core::Payload;

use crate::endpoint::Endpoint;
use crate::error::BoxError;
use crate::reject::Reject;

/// Reads a request's body.
///
/// It is limited here: axum's own limit does not hold for the body of a layer.
pub(super) async fn read<B>(endpoint: &Endpoint, parts: &Parts, body: B) -> Result<Vec<u8>, Reject>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    let limit = endpoint.config().body_limit;
    let declared = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|len| len.to_str().ok()?.parse().ok());
    let declared: usize = declared.unwrap_or(0);
    if declared > limit {
        return Err(Reject::BodyTooLarge);
    }
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(BODY_TIMEOUT, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Reject::SlowBody)? else {
            return Ok(bytes);
        };
        let Ok(mut data) = frame.map_err(|_| Reject::BrokenBody)?.into_data() else {
            continue;
        };
        if data.remaining() > limit - bytes.len() {
            return Err(Reject::BodyTooLarge);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let len = chunk.len();
            data.advance(len);
        }
    }
}

/// Checks a payload and hands it to the session of that id, once that has room for it.
///
/// The payload comes first: a broken one is refused as such, whether there is a session or not.
pub(super) async fn deliver(
    endpoint: &Endpoint,
    parts: &Parts,
    id: &str,
    text: String,
) -> Result<(), Reject> {
    let payload = Payload::parse(text, endpoint.config().message_limit).map_err(Reject::Payload)?;
    let driver = endpoint.find(parts, id).ok_or(Reject::NoSession)?;
    let mut payload = Some(payload);
    poll_fn(|cx| driver.poll_post(cx, &mut payload))
        .await
        .map_err(|_| Reject::NoSession)
}

/// Takes text as it came; each bad sequence is U+FFFD.
pub(super) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// How long a client may take for the next part of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
