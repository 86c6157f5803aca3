use std::borrow::Cow;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sockjs_core::{CloseReason, Frame, ResponseEncoder};

use crate::session::{Attachment, Then, Writer};

/// The body of a streaming response.
#[derive(Debug)]
pub(crate) struct Stream {
    prelude: Option<Bytes>,
    encoder: ResponseEncoder,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Session(Writer),
    /// One close frame, or nothing more.
    TurnedAway(Option<CloseReason>),
}

impl Stream {
    pub(super) fn new(encoder: ResponseEncoder, attachment: Attachment) -> Self {
        Self::from(encoder, Source::Session(attachment.into_writer()))
    }

    /// Makes the body for a client that is turned away.
    pub(super) fn of_close_frame(encoder: ResponseEncoder, reason: CloseReason) -> Self {
        Self::from(encoder, Source::TurnedAway(Some(reason)))
    }

    fn from(encoder: ResponseEncoder, source: Source) -> Self {
        let prelude = encoder.prelude().map(|prelude| match prelude {
            Cow::Borrowed(prelude) => Bytes::from_static(prelude.as_bytes()),
            Cow::Owned(prelude) => Bytes::from(prelude),
        });
        Self {
            prelude,
            encoder,
            source,
        }
    }

    /// Returns the next chunk: first the prelude, then the slices of each frame.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(prelude));
        }
        let writer = match &mut self.source {
            Source::Session(writer) => writer,
            Source::TurnedAway(reason) => {
                let frame = reason.take().map(Frame::Close);
                return Poll::Ready(frame.map(|frame| self.encoder.encode(&frame).into()));
            }
        };
        if !writer.wants_frame() {
            return Poll::Ready(writer.next_slice());
        }
        let Some((frame, then)) = ready!(writer.poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let bytes = Bytes::from(self.encoder.encode(&frame));
        let then = if self.encoder.is_complete() {
            Then::Complete
        } else {
            then
        };
        Poll::Ready(writer.write(bytes, then))
    }

    pub(super) fn is_done(&self) -> bool {
        self.prelude.is_none()
            && match &self.source {
                Source::Session(writer) => writer.is_done(),
                Source::TurnedAway(reason) => reason.is_none(),
            }
    }
}
