use std::collections::VecDeque;

use crate::{Ending, Event, Payload, SessionConfig};

/// The queue of events for the application.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Whether [`Event::Opened`] is the next event.
    opened_due: bool,
    /// Whether the application takes no more messages.
    discards: bool,
    payloads: VecDeque<Payload>,
    size: usize,
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
        if std::mem::take(&mut self.opened_due) {
            return Some(Event::Opened);
        }
        if let Some(payload) = self.payloads.front_mut() {
            let message = payload.next();
            if payload.is_empty() {
                self.size -= cost(payload);
                self.payloads.pop_front();
                if self.payloads.is_empty() && self.payloads.capacity() > IDLE_CAPACITY {
                    self.payloads = VecDeque::new();
                }
            }
            return message.map(Event::Message);
        }
        let ending = ending.filter(|_| !self.closed_taken)?;
        self.closed_taken = true;
        Some(Event::Closed(ending.clone()))
    }

    pub(super) fn has_room(&self, limit: usize) -> bool {
        self.size < limit || self.payloads.is_empty()
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
