use std::collections::VecDeque;

use crate::{Ending, Event, Payload, SessionConfig};

/// What the application has not heard yet.
#[derive(Debug)]
pub(super) struct Inbox {
    opened: bool,
    payloads: VecDeque<Payload>,
    size: usize,
    limit: usize,
    ending: Option<Ending>,
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            opened: false,
            payloads: VecDeque::new(),
            size: 0,
            limit,
            ending: None,
        }
    }

    pub(super) fn open(&mut self) {
        self.opened = true;
    }

    pub(super) fn push(&mut self, payload: Payload) {
        if !payload.is_empty() {
            self.size += cost(&payload);
            self.payloads.push_back(payload);
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// Takes the next event. Messages that were received before the end are still handed out.
    pub(super) fn pop(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.opened) {
            return Some(Event::Opened);
        }
        if let Some(payload) = self.payloads.front_mut() {
            let message = payload.next();
            if payload.is_empty() {
                self.size -= cost(payload);
                self.payloads.pop_front();
            }
            return message.map(Event::Message);
        }
        self.ending.take().map(Event::Closed)
    }

    pub(super) fn has_room(&self) -> bool {
        self.size < self.limit || self.payloads.is_empty()
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.payloads.is_empty()
    }
}

/// Returns what a payload counts against the limit: also an empty message takes up room.
fn cost(payload: &Payload) -> usize {
    payload.size() + SessionConfig::PAYLOAD_OVERHEAD
}
