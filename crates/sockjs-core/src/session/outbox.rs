use std::collections::VecDeque;

use crate::{Frame, Message, SendError, SessionConfig};

/// The queue of frames for the client, without heartbeats and the close frame.
#[derive(Debug)]
pub(super) struct Outbox {
    open: OpenFrame,
    messages: VecDeque<Message>,
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
            messages: VecDeque::new(),
            size: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, message: Message, limit: usize) -> Result<(), SendError> {
        let size = self.size + cost(&message);
        if size > limit && !self.messages.is_empty() {
            return Err(SendError::Full(message));
        }
        self.size = size;
        self.messages.push_back(message);
        Ok(())
    }

    /// Takes the next frame: first the open frame, then as many messages as fit in a frame of
    /// `limit` bytes, and at least one.
    pub(super) fn pop(&mut self, limit: usize) -> Option<Frame> {
        if let OpenFrame::Unsent = self.open {
            self.open = OpenFrame::Sent;
            return Some(Frame::Open);
        }
        if self.messages.is_empty() {
            return None;
        }
        let count = self.count_that_fits(limit);
        if count == self.messages.len() {
            // The queue is not kept, so that an idle session holds no memory for it.
            self.size = 0;
            let messages = std::mem::take(&mut self.messages);
            return Some(Frame::Messages(messages.into()));
        }
        let messages: Vec<_> = self.messages.drain(..count).collect();
        self.size -= messages.iter().map(cost).sum::<usize>();
        Some(Frame::Messages(messages))
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

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.messages.capacity()
    }

    fn count_that_fits(&self, limit: usize) -> usize {
        let all = self.messages.len();
        if all == 1 {
            return all;
        }
        let text = self.size - all * SessionConfig::MESSAGE_OVERHEAD;
        let marks = Frame::messages_len(all, all * 2);
        let room = limit.checked_sub(marks);
        if room.is_some_and(|room| text <= room / Message::MAX_GROWTH) {
            return all;
        }
        let mut quoted = 0;
        for (count, message) in self.messages.iter().enumerate() {
            let fits = |len| Frame::messages_len(count + 1, quoted + len) <= limit;
            // Text does not become shorter when it is quoted, so a long message is not searched.
            let is_long = !fits(message.len() + 2);
            let len = if is_long { 0 } else { message.quoted_len() };
            if is_long || !fits(len) {
                return count.max(1);
            }
            quoted += len;
        }
        all
    }
}

/// Returns how many bytes a message counts against the limit.
fn cost(message: &Message) -> usize {
    message.size() + SessionConfig::MESSAGE_OVERHEAD
}
