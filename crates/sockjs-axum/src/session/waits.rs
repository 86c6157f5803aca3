use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sockjs_core::{Ending, Message};

use super::line::Ticket;
use super::shared::{Outgoing, Shared};
use crate::error::SendError;

/// Queues a message once the send buffer has room.
///
/// This is no async function, because an async function reserves space for its arguments twice, and
/// every handler that awaits it would be larger by a message.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    shared: &'a Shared,
    outgoing: Outgoing,
}

impl<'a> Sending<'a> {
    pub(super) fn new(shared: &'a Shared, message: Message) -> Self {
        Self {
            shared,
            outgoing: Outgoing::Unsent(message),
        }
    }
}

impl Future for Sending<'_> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.shared.poll_send(cx, &mut this.outgoing)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if let Outgoing::InLine(ticket) = self.outgoing {
            self.shared.leave_line(ticket);
        }
    }
}

/// Queues messages as the send buffer has room for them.
#[derive(Debug)]
pub(super) struct SendingMany<'a> {
    shared: &'a Shared,
    messages: &'a mut Vec<Message>,
    /// The place in line of the first of them.
    ticket: Option<Ticket>,
}

impl<'a> SendingMany<'a> {
    pub(super) fn new(shared: &'a Shared, messages: &'a mut Vec<Message>) -> Self {
        Self {
            shared,
            messages,
            ticket: None,
        }
    }
}

impl Future for SendingMany<'_> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.shared
            .poll_send_many(cx, this.messages, &mut this.ticket)
    }
}

impl Drop for SendingMany<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let first = self.shared.leave_line(ticket);
            self.messages.splice(..0, first);
        }
    }
}

/// Waits for the end of a session.
#[derive(Debug)]
pub(super) struct Closed<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
}

impl<'a> Closed<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }
}

impl Future for Closed<'_> {
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let this = self.get_mut();
        this.shared.poll_closed(cx, &mut this.ticket)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.stop_waiting(ticket);
        }
    }
}
