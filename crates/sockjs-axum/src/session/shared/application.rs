//! The application's side of a session: messages both ways, and the end.

use std::mem;
use std::task::{Context, Poll, ready};

use sockjs_core::{Batch, Cause, CloseReason, Ending, Event, Message};
use tokio::task::coop::poll_proceed;

use super::{Live, Shared};
use crate::error::{SendError, TrySendError};
use crate::session::holds::{Hold, Left};
use crate::session::line::Ticket;
use crate::session::wakers::Awaited;

/// A message on its way into the send buffer.
#[derive(Debug)]
pub(in crate::session) enum Outgoing {
    Unsent(Message),
    /// The line has the message.
    InLine(Ticket),
    Done,
}

/// For the application.
impl Shared {
    /// Counts one more that may keep the session open.
    pub(in crate::session) fn hold_open(&self, hold: Hold) {
        self.holds.add(hold);
    }

    /// Counts one less that may keep the session open. Closes the session if nothing does.
    pub(in crate::session) fn release(&self, hold: Hold) {
        self.let_go(hold);
        if self.is_abandoned() {
            self.belongings.drop_values();
        }
    }

    /// Returns whether nobody serves the session any more.
    pub(in crate::session) fn is_abandoned(&self) -> bool {
        self.holds.is_abandoned()
    }

    fn let_go(&self, hold: Hold) {
        match self.holds.release(hold) {
            Left::Others => {}
            Left::NoReceiver => self.update(|live| live.session.discard_messages()),
            Left::Nobody if std::thread::panicking() => {
                self.close(CloseReason::INTERNAL_ERROR, Cause::HandlerPanicked);
            }
            Left::Nobody => self.abandon(),
        }
    }

    /// Closes a session that nothing keeps open.
    ///
    /// A handler drops its `Session` before it returns an error, which decides about the close
    /// reason. So while the session's task runs, it closes the session itself, when the handler
    /// was polled.
    fn abandon(&self) {
        self.update(|live| {
            if live.wakers.is_parked() {
                live.close(CloseReason::NORMAL, Cause::ClosedByApp);
            } else {
                live.is_abandoned = true;
            }
        });
    }

    pub(super) fn close_abandoned(&self) {
        self.update(|live| {
            if mem::take(&mut live.is_abandoned) {
                live.close(CloseReason::NORMAL, Cause::ClosedByApp);
            }
        });
    }

    /// Takes the next message: from `batch`, or else from the session. Other messages that the session has
    /// go into `batch`, so that the session is not locked for each of them.
    pub(in crate::session) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        batch: &mut Option<Box<Batch>>,
    ) -> Poll<Option<Message>> {
        // A client that sends more than its handler can take must not keep the thread from others.
        let budget = ready!(poll_proceed(cx));
        let message = ready!(self.poll_message(Some(cx), batch));
        if message.is_none() {
            // The handler may tell the others who is still there.
            self.leave_topics();
        }
        budget.made_progress();
        Poll::Ready(message)
    }

    /// Moves the next messages into `messages`, `limit` at most, and returns their number. It is zero at
    /// the end.
    pub(in crate::session) fn poll_recv_many(
        &self,
        cx: &mut Context<'_>,
        batch: &mut Option<Box<Batch>>,
        messages: &mut Vec<Message>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let Some(first) = ready!(self.poll_recv(cx, batch)) else {
            return Poll::Ready(0);
        };
        messages.push(first);
        let mut count = 1;
        while count < limit {
            let Poll::Ready(Some(message)) = self.poll_message(None, batch) else {
                break;
            };
            messages.push(message);
            count += 1;
        }
        Poll::Ready(count)
    }

    /// Takes the next message; `None` at the end. The task of `cx`, if there is one, is woken when there is
    /// one.
    #[inline]
    fn poll_message(
        &self,
        cx: Option<&Context<'_>>,
        batch: &mut Option<Box<Batch>>,
    ) -> Poll<Option<Message>> {
        match batch {
            Some(batch) if batch.len() > 1 => Poll::Ready(batch.next()),
            _ => self.poll_session(cx, batch),
        }
    }

    /// Takes the last message of `batch`, or else the next one of the session.
    fn poll_session(
        &self,
        cx: Option<&Context<'_>>,
        batch: &mut Option<Box<Batch>>,
    ) -> Poll<Option<Message>> {
        if let Some(last) = batch.take().and_then(|mut batch| batch.next()) {
            // With its last message, the batch gives its room back.
            self.update(|live| live.session.handle_batch_taken());
            return Poll::Ready(Some(last));
        }
        let mut next = None;
        let message = ready!(self.update(|live| {
            let message = loop {
                next = live.session.poll_batch();
                if next.is_some() {
                    break None;
                }
                match live.session.poll_event() {
                    Some(Event::Message(message)) => break Some(message),
                    Some(Event::Closed(_)) => break None,
                    // `Opened`: the handler itself tells the application.
                    Some(_) => {}
                    None if live.session.ending().is_some() => break None,
                    None => {
                        live.wakers.set(Awaited::Message, cx);
                        return Poll::Pending;
                    }
                }
            };
            live.wakers.set(Awaited::Message, None);
            Poll::Ready(message)
        }));
        let Some(mut next) = next else {
            return Poll::Ready(message);
        };
        let message = next.next();
        *batch = Some(Box::new(next));
        Poll::Ready(message)
    }

    pub(crate) fn try_send(&self, message: Message) -> Result<(), TrySendError> {
        self.update(|live| live.send(message))
    }

    /// Queues a message, or puts it in line until the send buffer has room. It is then queued by
    /// [`poll_line`](Self::poll_line).
    pub(in crate::session) fn queue(&self, message: Message) -> Result<Option<Ticket>, SendError> {
        self.update(|live| match live.send(message) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(message)) => Ok(Some(live.wakers.add_sender(message, None))),
            Err(error) => Err(SendError::new(error.into_message())),
        })
    }

    /// Queues a message once the send buffer has room.
    pub(in crate::session) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        outgoing: &mut Outgoing,
    ) -> Poll<Result<(), SendError>> {
        let budget = ready!(poll_proceed(cx));
        let result = ready!(
            self.update(|live| match mem::replace(outgoing, Outgoing::Done) {
                Outgoing::Unsent(message) => match live.send(message) {
                    Ok(()) => Poll::Ready(Ok(())),
                    Err(TrySendError::Full(message)) => {
                        let ticket = live.wakers.add_sender(message, Some(cx));
                        *outgoing = Outgoing::InLine(ticket);
                        Poll::Pending
                    }
                    Err(error) => Poll::Ready(Err(SendError::new(error.into_message()))),
                },
                Outgoing::InLine(ticket) => {
                    let poll = live.poll_line(cx, ticket);
                    if poll.is_pending() {
                        *outgoing = Outgoing::InLine(ticket);
                    }
                    poll
                }
                Outgoing::Done => Poll::Ready(Ok(())),
            })
        );
        budget.made_progress();
        Poll::Ready(result)
    }

    /// Queues messages as the send buffer has room for them, and removes them from `messages`. While a
    /// message waits in line, `ticket` is its place, and the message is not in `messages`.
    pub(in crate::session) fn poll_send_many(
        &self,
        cx: &mut Context<'_>,
        messages: &mut Vec<Message>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(), SendError>> {
        let budget = ready!(poll_proceed(cx));
        let result = ready!(self.update(|live| {
            if let Some(first) = *ticket {
                let result = ready!(live.poll_line(cx, first));
                *ticket = None;
                if result.is_err() {
                    return Poll::Ready(result);
                }
            }
            let mut taken = 0;
            let mut poll = Poll::Ready(Ok(()));
            for message in messages.iter_mut() {
                taken += 1;
                // An empty string takes no memory.
                match live.send(mem::replace(message, String::new().into())) {
                    Ok(()) => {}
                    Err(TrySendError::Full(message)) => {
                        *ticket = Some(live.wakers.add_sender(message, Some(cx)));
                        poll = Poll::Pending;
                        break;
                    }
                    Err(error) => {
                        poll = Poll::Ready(Err(SendError::new(error.into_message())));
                        break;
                    }
                }
            }
            messages.drain(..taken);
            poll
        }));
        budget.made_progress();
        Poll::Ready(result)
    }

    /// Queues a message that is in line once the send buffer has room. The ticket is then used up.
    pub(in crate::session) fn poll_line(
        &self,
        cx: &mut Context<'_>,
        ticket: Ticket,
    ) -> Poll<Result<(), SendError>> {
        self.update(|live| live.poll_line(cx, ticket))
    }

    /// Takes a message out of the line, and returns it. If there was room for it, the next in line gets the
    /// room.
    pub(in crate::session) fn leave_line(&self, ticket: Ticket) -> Option<Message> {
        self.update(|live| live.wakers.remove_sender(ticket))
    }

    /// Waits for the end of the session. `ticket` is there while the task waits.
    pub(in crate::session) fn poll_closed(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Ending> {
        let mut live = self.lock();
        let Some(ending) = live.session.ending().cloned() else {
            live.wakers.set_closer(cx, ticket);
            return Poll::Pending;
        };
        if let Some(ticket) = ticket.take() {
            live.wakers.remove_closer(ticket);
        }
        drop(live);
        self.leave_topics();
        Poll::Ready(ending)
    }

    /// Waits no longer for the end of the session.
    pub(in crate::session) fn stop_waiting(&self, ticket: Ticket) {
        self.lock().wakers.remove_closer(ticket);
    }
}

impl Live {
    /// Queues a message, unless others wait in line for the send buffer.
    #[inline]
    fn send(&mut self, message: Message) -> Result<(), TrySendError> {
        if self.wakers.lets_pass(&self.session, &message) {
            self.put(message)
        } else {
            Err(TrySendError::Full(message))
        }
    }

    /// Queues a message that is in line once there is room for it.
    fn poll_line(&mut self, cx: &Context<'_>, ticket: Ticket) -> Poll<Result<(), SendError>> {
        let Some(message) = ready!(self.wakers.poll_sender(cx, ticket)) else {
            return Poll::Ready(Ok(()));
        };
        // A sender is called when there is room for its message, which nobody else can take, or
        // when the session refuses all messages.
        let result = self.put(message);
        Poll::Ready(result.map_err(|error| SendError::new(error.into_message())))
    }

    #[inline]
    fn put(&mut self, message: Message) -> Result<(), TrySendError> {
        // The time matters for the first queued message alone, because the receiver's time to take
        // something starts with it.
        let now = if self.session.unsent() == 0 {
            self.read_clock()
        } else {
            self.recent_time()
        };
        self.session
            .send(now, message)
            .map_err(TrySendError::from_core)
    }
}
