use std::mem;

use bytes::Bytes;
use sockjs_core::{Frame, ResponseEncoder};

use crate::session::{Attachment, SHORT, Then, Writer};

/// The body of a polling response: one frame.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The frame, if it is short. The session keeps a longer one.
    short: Bytes,
    /// How many bytes are not handed over yet.
    left: usize,
    writer: Writer,
}

impl Answer {
    pub(super) fn new(
        encoder: &mut ResponseEncoder,
        frame: &Frame,
        attachment: Attachment,
    ) -> Self {
        let frame = Bytes::from(encoder.encode(frame));
        let left = frame.len();
        let mut writer = attachment.into_writer();
        let short = if left <= SHORT {
            frame
        } else {
            writer.keep(frame, Then::Complete);
            Bytes::new()
        };
        Self {
            short,
            left,
            writer,
        }
    }

    /// Returns the next slice. If the session ends first, the body ends before its length, which
    /// tells the client that the answer is broken.
    pub(super) fn next_slice(&mut self) -> Option<Bytes> {
        let slice = if self.short.is_empty() {
            self.writer.next_slice()?
        } else {
            self.writer.complete();
            mem::take(&mut self.short)
        };
        self.left -= slice.len();
        Some(slice)
    }

    /// Returns how many bytes are not handed over yet.
    pub(super) fn left(&self) -> usize {
        self.left
    }
}
