//! What the HTTP transports share that receive.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};
use sockjs_core::{CloseReason, Frame, ResponseEncoder};

use crate::body::OwnBody;
use crate::endpoint::Endpoint;
use crate::http::reject::Refusal;
use crate::session::attachment::Attachment;

/// Answers with the next frame once there is one.
///
/// Headers wait for the frame: it makes one packet of both, and a length instead of chunks.
pub(super) async fn poll(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: &str,
    mut receiver: ResponseEncoder,
    content_type: HeaderValue,
) -> Result<Response<OwnBody>, Refusal> {
    let frame = match endpoint.attach(parts, id, receiver.transport()).await? {
        Ok(mut attachment) => {
            let frame = poll_fn(|cx| attachment.poll_frame(cx)).await;
            let frame = frame.unwrap_or_else(|| closed(&attachment));
            attachment.complete();
            frame
        }
        Err(reason) => Frame::Close(reason),
    };
    let body = Bytes::from(receiver.encode(&frame));
    let mut response = Response::new(OwnBody::Whole(body));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

/// Answers with frames as they come, until the response limit or the end.
pub(super) async fn stream(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: &str,
    receiver: ResponseEncoder,
    content_type: HeaderValue,
) -> Result<Response<OwnBody>, Refusal> {
    let source = match endpoint.attach(parts, id, receiver.transport()).await? {
        Ok(attachment) => Source::Session(attachment),
        Err(reason) => Source::Refused(reason),
    };
    let mut response = Response::new(OwnBody::Stream(Stream::new(receiver, source)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    // Without it nginx collects the response before it passes any of it on.
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    // Compression would collect it, too: tower-http leaves alone what has an encoding.
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    Ok(response)
}

/// The body of a streaming response.
#[derive(Debug)]
pub(crate) struct Stream {
    prelude: Option<Bytes>,
    receiver: ResponseEncoder,
    source: Source,
}

/// Where a stream's frames come from.
#[derive(Debug)]
enum Source {
    Session(Attachment),
    /// The session did not take the receiver, which is told why.
    Refused(CloseReason),
    Done,
}

impl Stream {
    fn new(receiver: ResponseEncoder, source: Source) -> Self {
        let prelude = receiver.prelude().map(|prelude| match prelude {
            std::borrow::Cow::Borrowed(prelude) => Bytes::from_static(prelude.as_bytes()),
            std::borrow::Cow::Owned(prelude) => Bytes::from(prelude),
        });
        Self {
            prelude,
            receiver,
            source,
        }
    }

    /// Returns the next chunk: the prelude, then a frame each.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(prelude));
        }
        let frame = match &mut self.source {
            Source::Session(attachment) => match ready!(attachment.poll_frame(cx)) {
                Some(frame) => frame,
                None => {
                    self.source = Source::Done;
                    return Poll::Ready(None);
                }
            },
            Source::Refused(reason) => Frame::Close(reason.clone()),
            Source::Done => return Poll::Ready(None),
        };
        let data = Bytes::from(self.receiver.encode(&frame));
        if self.receiver.is_complete() {
            if let Source::Session(attachment) = &mut self.source {
                attachment.complete();
            }
            self.source = Source::Done;
        }
        Poll::Ready(Some(data))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.prelude.is_none() && matches!(self.source, Source::Done)
    }
}

/// The frame for a poll whose session ended meanwhile without a close frame.
fn closed(attachment: &Attachment) -> Frame {
    let ending = attachment.ending();
    Frame::Close(ending.map_or(CloseReason::INTERRUPTED, |ending| ending.reason().clone()))
}

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
