use crate::{Frame, Message, SendError, SessionConfig};

/// The queue of frames for the client, without heartbeats and the close frame.
#[derive(Debug)]
pub(super) struct Outbox {
    open: OpenFrame,
    messages: Vec<Message>,
    size: usize,
}

/// Whether the open frame was sent.
#[derive(Debug)]
enum OpenFrame {
    Unsent,
    Sent,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            open: OpenFrame::Unsent,
            messages: Vec::new(),
            size: 0,
        }
    }

    pub(super) fn push(&mut self, message: Message, limit: usize) -> Result<(), SendError> {
        let size = self.size + message.len() + SessionConfig::MESSAGE_OVERHEAD;
        if size > limit && !self.messages.is_empty() {
            return Err(SendError::Full(message));
        }
        self.size = size;
        self.messages.push(message);
        Ok(())
    }

    /// Takes the next frame: first the open frame, then all queued messages in one frame.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        if let OpenFrame::Unsent = self.open {
            self.open = OpenFrame::Sent;
            return Some(Frame::Open);
        }
        if self.messages.is_empty() {
            return None;
        }
        self.size = 0;
        Some(Frame::Messages(std::mem::take(&mut self.messages)))
    }

    /// Drops the queued messages and returns their number.
    pub(super) fn clear(&mut self) -> usize {
        self.size = 0;
        std::mem::take(&mut self.messages).len()
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self.open, OpenFrame::Sent) && self.messages.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }
}
