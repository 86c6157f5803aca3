use std::task::{Context, Poll, Waker};

use sockjs_core::{Message, Session, SessionConfig, SessionState};

use super::line::{Leaver, Line, Ticket};

/// The waits that any number of tasks may share.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Messages of application tasks that wait for room in the send buffer.
    senders: Line<Message>,
    /// How many bytes of the send buffer are kept for senders that were called and have not come
    /// yet.
    promised: usize,
    /// Application tasks that wait for the end of the session.
    closers: Line<()>,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            senders: Line::new(),
            promised: 0,
            closers: Line::new(),
        }
    }
}

impl Crowd {
    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty() && self.closers.is_empty()
    }

    pub(super) fn add_sender(&mut self, message: Message, cx: Option<&Context<'_>>) -> Ticket {
        self.senders.join(message, cx)
    }

    /// Waits until there is room for a message that is in line.
    pub(super) fn poll_sender(&mut self, cx: &Context<'_>, ticket: Ticket) -> Poll<()> {
        if self.senders.was_called(ticket) {
            return Poll::Ready(());
        }
        self.senders.set_waker(ticket, cx);
        Poll::Pending
    }

    /// Takes a message back, and the room that was promised to it.
    pub(super) fn remove_sender(&mut self, ticket: Ticket) -> Option<Message> {
        let Leaver { item, was_called } = self.senders.leave(ticket)?;
        if was_called {
            self.promised -= cost(&item);
        }
        Some(item)
    }

    pub(super) fn set_closer(&mut self, cx: &Context<'_>, ticket: &mut Option<Ticket>) {
        match *ticket {
            Some(ticket) => self.closers.set_waker(ticket, cx),
            None => *ticket = Some(self.closers.join((), Some(cx))),
        }
    }

    pub(super) fn remove_closer(&mut self, ticket: Ticket) {
        self.closers.leave(ticket);
    }

    pub(super) fn lets_pass(&self, session: &Session, message: &Message) -> bool {
        // A session that is not open refuses the message.
        !is_open(session) || (self.senders.first().is_none() && self.has_room(session, message))
    }

    /// Returns whether the send buffer has room for a message beside those that were promised room.
    fn has_room(&self, session: &Session, message: &Message) -> bool {
        let taken = session.unsent() + self.promised;
        taken == 0 || taken + cost(message) <= session.config().send_buffer()
    }

    /// Takes the wakers of the tasks whose wait is over.
    pub(super) fn take_due(&mut self, session: &Session, due: &mut Vec<Waker>) {
        while let Some(message) = self.senders.first() {
            if is_open(session) && !(is_half_empty(session) && self.has_room(session, message)) {
                break;
            }
            self.promised += cost(message);
            due.extend(self.senders.call_first());
        }
        if is_closed(session) {
            while self.closers.first().is_some() {
                due.extend(self.closers.call_first());
            }
        }
    }
}

/// Senders are called when half of the send buffer is empty, so that tasks are woken once for many
/// messages.
fn is_half_empty(session: &Session) -> bool {
    session.unsent() <= session.config().send_buffer() / 2
}

/// Returns how many bytes a message takes of the send buffer.
fn cost(message: &Message) -> usize {
    message.size() + SessionConfig::MESSAGE_OVERHEAD
}

pub(super) fn is_open(session: &Session) -> bool {
    matches!(
        session.state(),
        SessionState::Connecting | SessionState::Open
    )
}

pub(super) fn is_closed(session: &Session) -> bool {
    matches!(session.state(), SessionState::Closed)
}
