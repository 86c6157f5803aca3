use std::collections::VecDeque;

use crate::{Message, Payload};

/// Messages from the client that were taken from a [`Session`](crate::Session) at once.
///
/// It is an iterator over the messages. See [`Session::poll_batch`](crate::Session::poll_batch).
#[derive(Debug)]
pub struct Batch {
    payload: Payload,
    others: VecDeque<Payload>,
    left: usize,
}

impl Batch {
    pub(super) fn new(first: Payload, others: VecDeque<Payload>) -> Self {
        Self {
            left: first.len() + others.iter().map(Payload::len).sum::<usize>(),
            payload: first,
            others,
        }
    }
}

impl Iterator for Batch {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        self.left = self.left.checked_sub(1)?;
        if self.payload.is_empty() {
            // No payload in a session is empty.
            self.payload = self.others.pop_front()?;
        }
        self.payload.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Batch {}
