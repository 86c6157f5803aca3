//! What the send requests share: from a body to the session.

use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body::Body;
use http_body_util::BodyExt;
use sockjs_core::Payload;

use crate::error::BoxError;
use crate::http::reject::Reject;
use crate::mount::Mount;

/// Takes the body of a send request, checks it, and hands it to the session of that id.
///
/// One request of a session at a time has its body in memory, and only after the receive buffer has
/// room for it. The bodies of a few more requests may wait in the network. A body is checked before
/// the session is: a broken body is refused as broken, even if the session does not exist.
pub(super) async fn send<B>(
    mount: &Mount,
    parts: &Parts,
    body: B,
    id: &str,
    decode: impl FnOnce(Vec<u8>) -> String,
) -> Result<(), Reject>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    let config = mount.config();
    if declared_len(parts).is_some_and(|len| len > config.body_limit as u64) {
        return Err(Reject::BodyTooLarge);
    }
    let queue = mount.find(parts, id);
    let permit = match &queue {
        Some(queue) => {
            let permit = queue.acquire().await.ok_or(Reject::NoRoom)?;
            permit.room().await;
            Some(permit)
        }
        None => None,
    };
    let text = decode(read(body, config.body_limit).await?);
    let payload = Payload::parse(&text, config.message_limit).map_err(Reject::Payload)?;
    let queue = queue.as_ref().ok_or(Reject::NoSession)?;
    queue.post(payload).map_err(|_| Reject::NoSession)?;
    drop(permit);
    Ok(())
}

/// Reads a body up to a limit. axum's own limit does not apply to layers.
async fn read<B>(body: B, limit: usize) -> Result<Vec<u8>, Reject>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(BODY_TIMEOUT, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Reject::SlowBody)? else {
            break;
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
    // The session keeps the allocation until the application has read it, and counts its length.
    bytes.shrink_to_fit();
    Ok(bytes)
}

fn declared_len(parts: &Parts) -> Option<u64> {
    parts
        .headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Decodes UTF-8. Each invalid sequence becomes U+FFFD.
pub(super) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// How long a client may take to send the next part of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
