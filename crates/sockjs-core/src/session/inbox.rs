use std::collections::VecDeque;
use std::mem;

use crate::{Batch, Ending, Event, Payload, SessionConfig};

/// The queue of events for the application.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Whether [`Event::Opened`] is the next event.
    opened_due: bool,
    /// Whether the application takes no more messages.
    discards: bool,
    payloads: VecDeque<Payload>,
    /// How many bytes count against the limit, those of the batch included.
    size: usize,
    /// How many of these bytes belong to the batch that was taken.
    batch: usize,
    /// Whether [`Event::Closed`] was taken.
    closed_taken: bool,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            opened_due: false,
            discards: false,
            payloads: VecDeque::new(),
            size: 0,
            batch: 0,
            closed_taken: false,
        }
    }

    pub(super) fn open(&mut self) {
        self.opened_due = true;
    }

    /// Drops the queued messages, and all that follow.
    pub(super) fn discard(&mut self) {
        self.discards = true;
        self.payloads = VecDeque::new();
        self.size = 0;
        self.batch = 0;
    }

    pub(super) fn push(&mut self, payload: Payload) {
        if !payload.is_empty() && !self.discards {
            self.size += cost(&payload);
            self.payloads.push_back(payload);
        }
    }

    /// Takes the next event. `ending` is how the session ended, if it has.
    ///
    /// Messages that were received before the end come first.
    pub(super) fn pop(&mut self, ending: Option<&Ending>) -> Option<Event> {
        if mem::take(&mut self.opened_due) {
            return Some(Event::Opened);
        }
        if let Some(payload) = self.payloads.front_mut() {
            let message = payload.next();
            if payload.is_empty() {
                self.size -= cost(payload);
                self.pop_payload();
            }
            return message.map(Event::Message);
        }
        let ending = ending.filter(|_| !self.closed_taken)?;
        self.closed_taken = true;
        Some(Event::Closed(ending.clone()))
    }

    /// Takes messages that are taken one by one elsewhere: those of one payload, or all if they are a
    /// small part of the limit.
    pub(super) fn pop_batch(&mut self, limit: usize) -> Option<Batch> {
        if self.opened_due || self.batch > 0 {
            return None;
        }
        let first = self.payloads.front()?;
        if self.payloads.len() > 1 && self.size <= limit / 4 {
            self.batch = self.size;
            let mut payloads = mem::take(&mut self.payloads);
            let first = payloads.pop_front()?;
            return Some(Batch::new(first, payloads));
        }
        if first.len() == 1 {
            return None;
        }
        self.batch = cost(first);
        let first = self.pop_payload()?;
        Some(Batch::new(first, VecDeque::new()))
    }

    /// Takes the first payload. An idle session keeps little memory.
    fn pop_payload(&mut self) -> Option<Payload> {
        let first = self.payloads.pop_front();
        if self.payloads.is_empty() && self.payloads.capacity() > IDLE_CAPACITY {
            self.payloads = VecDeque::new();
        }
        first
    }

    /// Gives the room of the batch back.
    pub(super) fn end_batch(&mut self) {
        self.size -= mem::take(&mut self.batch);
    }

    pub(super) fn has_room(&self, limit: usize) -> bool {
        self.size < limit || self.size == 0
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.payloads.capacity()
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.payloads.is_empty()
    }
}

/// For how many payloads an idle session keeps memory.
const IDLE_CAPACITY: usize = 8;

/// Returns how many bytes a payload counts against the limit.
fn cost(payload: &Payload) -> usize {
    payload.size() + SessionConfig::PAYLOAD_OVERHEAD
}
