use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use sockjs_core::{CloseReason, Message, Payload, Transport};
use tokio::task::coop::poll_proceed;

use super::shared::Session;
use crate::queue::Taker;

/// The half of a [`Client`](crate::Client) that receives.
///
/// If it is dropped and a [`Sender`](crate::Sender) is left, messages from the server are discarded.
#[derive(Debug)]
pub struct Receiver {
    received: Taker<Payload>,
    /// The messages of the frame that is being handed out.
    frame: Option<Payload>,
    session: Arc<Session>,
}

impl Receiver {
    pub(super) fn new(received: Taker<Payload>, session: Arc<Session>) -> Self {
        Self {
            received,
            frame: None,
            session,
        }
    }

    /// Receives the next message. See the method of the same name on
    /// [`Client`](crate::Client::recv).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            if let Some(frame) = self.frame.as_mut().filter(|it| !it.is_empty()) {
                // A frame may have millions of messages, and other tasks have to run, too.
                let budget = ready!(poll_proceed(cx));
                budget.made_progress();
                return Poll::Ready(frame.next());
            }
            self.frame = ready!(self.received.poll_take(cx));
            if self.frame.is_none() {
                return Poll::Ready(None);
            }
        }
    }

    /// Waits until the session is closed. See the method of the same name on
    /// [`Client`](crate::Client::closed).
    pub async fn closed(&self) -> CloseReason {
        self.session.closed().await
    }

    /// Returns the transport that the client uses.
    pub fn transport(&self) -> Transport {
        self.session.transport
    }
}

/// The same as [`Receiver::recv`].
impl Stream for Receiver {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}
