use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::SizeHint;
use sockjs_core::{CloseReason, Frame, ResponseEncoder};

use crate::mount::{Broken, RelayedBody};

/// The body of a response that comes from another node.
#[derive(Debug)]
pub(crate) struct Relay {
    body: RelayedBody,
    stream: Option<PassedOn>,
}

/// The part of a stream that was passed on so far.
#[derive(Debug)]
struct PassedOn {
    encoder: ResponseEncoder,
    /// How many bytes there were.
    len: usize,
    /// The last of them.
    tail: [u8; 4],
}

impl Relay {
    pub(super) fn new(body: RelayedBody) -> Self {
        Self { body, stream: None }
    }

    /// Makes the body of a stream.
    pub(super) fn of_stream(body: RelayedBody, encoder: ResponseEncoder) -> Self {
        let stream = PassedOn {
            encoder,
            len: 0,
            tail: [0; 4],
        };
        Self {
            body,
            stream: Some(stream),
        }
    }

    /// Returns the next bytes. If the other node is lost between two frames of a stream, a close frame
    /// follows. Within a frame the response just ends, because its client cannot be told.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match ready!(self.body.poll_data(cx)) {
            Some(Ok(data)) => {
                if let Some(stream) = &mut self.stream {
                    stream.pass_on(&data);
                }
                Poll::Ready(Some(data))
            }
            Some(Err(Broken)) => Poll::Ready(self.stream.take().and_then(PassedOn::close)),
            None => Poll::Ready(None),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl PassedOn {
    fn pass_on(&mut self, data: &[u8]) {
        self.len = self.len.saturating_add(data.len());
        let new = &data[data.len().saturating_sub(self.tail.len())..];
        let kept = self.tail.len() - new.len();
        self.tail.copy_within(new.len().., 0);
        self.tail[kept..].copy_from_slice(new);
    }

    /// Returns the close frame of a stream whose session is lost, if no frame is under way.
    fn close(mut self) -> Option<Bytes> {
        let prelude = self.encoder.prelude().unwrap_or_default().into_owned();
        let is_between_frames = match self.len {
            0 => true,
            len if len <= prelude.len() => len == prelude.len(),
            _ => self.tail.ends_with(self.encoder.frame_end()),
        };
        let close = Frame::Close(CloseReason::GOING_AWAY);
        is_between_frames.then(|| {
            let mut bytes = if self.len == 0 {
                prelude.into_bytes()
            } else {
                Vec::new()
            };
            bytes.extend_from_slice(&self.encoder.encode(&close));
            bytes.into()
        })
    }
}
