use std::borrow::Cow;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sockjs_core::{Frame, ResponseEncoder};

use crate::mount::Receiving;

/// The body of a streaming response.
#[derive(Debug)]
pub(crate) struct Stream {
    prelude: Option<Bytes>,
    encoder: ResponseEncoder,
    /// `None` once the response is complete.
    receiving: Option<Receiving>,
}

impl Stream {
    pub(super) fn new(encoder: ResponseEncoder, receiving: Receiving) -> Self {
        let prelude = encoder.prelude().map(|prelude| match prelude {
            Cow::Borrowed(prelude) => Bytes::from_static(prelude.as_bytes()),
            Cow::Owned(prelude) => Bytes::from(prelude),
        });
        Self {
            prelude,
            encoder,
            receiving: Some(receiving),
        }
    }

    /// Returns the next chunk: first the prelude, then one chunk per frame.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(prelude));
        }
        let frame = match &self.receiving {
            Some(Receiving::Attached(attachment)) => ready!(attachment.poll_frame_written(cx)),
            Some(Receiving::TurnedAway(reason)) => Some(Frame::Close(reason.clone())),
            None => None,
        };
        let Some(frame) = frame else {
            self.receiving = None;
            return Poll::Ready(None);
        };
        let data = Bytes::from(self.encoder.encode(&frame));
        if self.encoder.is_complete() {
            if let Some(Receiving::Attached(attachment)) = self.receiving.take() {
                attachment.complete();
            }
        }
        Poll::Ready(Some(data))
    }

    pub(super) fn is_done(&self) -> bool {
        self.prelude.is_none() && self.receiving.is_none()
    }
}
