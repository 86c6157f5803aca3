//! What the receive requests share: from a session to the body of a response.

use std::future::poll_fn;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use sockjs_core::{CloseReason, Frame, ResponseEncoder};

use super::OwnBody;
use super::answer::Answer;
use super::relay::Relay;
use super::stream::Stream;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener, Receiving, Wanted};
use crate::session::Attachment;

/// Answers with the next frame once there is one.
///
/// The head waits for the frame too. So head and body leave in one packet, and the body has a
/// length instead of chunks.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function reserves space for its arguments twice"
)]
pub(super) fn poll(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
    mut encoder: ResponseEncoder,
    content_type: HeaderValue,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    async move {
        let body = match mount.attach(opener, wanted, encoder.transport()).await? {
            Receiving::Attached(attachment) => {
                match poll_fn(|cx| attachment.poll_frame(cx)).await {
                    Some((frame @ Frame::Close(_), _)) => whole(&mut encoder, &frame),
                    Some((frame, _)) => {
                        OwnBody::Answer(Answer::new(&mut encoder, &frame, attachment))
                    }
                    None => whole(&mut encoder, &close_frame(&attachment)),
                }
            }
            Receiving::TurnedAway(reason) => whole(&mut encoder, &Frame::Close(reason)),
            Receiving::Relayed(relayed) => return Ok(OwnBody::relayed(*relayed)),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        Ok(response)
    }
}

/// Answers with frames as they come, until the response limit or the end of the session.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function reserves space for its arguments twice"
)]
pub(super) fn stream(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
    encoder: ResponseEncoder,
    content_type: HeaderValue,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    async move {
        let receiving = mount.attach(opener, wanted, encoder.transport()).await?;
        let mut response = match receiving {
            Receiving::Attached(attachment) => {
                Response::new(OwnBody::Stream(Stream::new(encoder, attachment)))
            }
            Receiving::TurnedAway(reason) => {
                Response::new(OwnBody::Stream(Stream::of_close_frame(encoder, reason)))
            }
            Receiving::Relayed(relayed) if relayed.is_success() => relayed
                .response
                .map(|body| OwnBody::Relayed(Box::new(Relay::of_stream(body, encoder)))),
            Receiving::Relayed(relayed) => return Ok(OwnBody::relayed(*relayed)),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        // Without this header nginx buffers the response.
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        // Compression middleware would buffer it too. tower-http leaves a response alone that already
        // has an encoding.
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
        Ok(response)
    }
}

/// Makes the body for a close frame, after which the session needs nothing of the response.
fn whole(encoder: &mut ResponseEncoder, frame: &Frame) -> OwnBody {
    OwnBody::Whole(Bytes::from(encoder.encode(frame)))
}

/// Makes the frame for a poll whose session ended without a close frame while the poll waited.
fn close_frame(attachment: &Attachment) -> Frame {
    let ending = attachment.ending();
    Frame::Close(ending.map_or(CloseReason::INTERRUPTED, |ending| ending.reason().clone()))
}

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
