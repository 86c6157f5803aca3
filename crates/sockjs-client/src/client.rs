use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use sockjs_core::{CloseReason, Message, Transport};

use crate::connect::Opened;
use crate::{Receiver, SendError, Sender, session};

/// The client's end of an open session.
///
/// The work is done in a task of its own. When the client is dropped, or both halves after
/// [`split`](Self::split), that task and all connections end at once, and messages that are queued may
/// be lost. [`close`](Self::close) sends them first.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
}

impl Client {
    /// All transports with SockJS frames that the client has.
    pub const TRANSPORTS: [Transport; 4] = [
        Transport::WebSocket,
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::Xhr,
    ];

    pub(crate) fn start(opened: Opened, send_buffer: usize, receive_buffer: usize) -> Self {
        let (sender, receiver) = session::start(opened, send_buffer, receive_buffer);
        Self { sender, receiver }
    }

    /// Sends a message. Waits for room if [`send_buffer`](crate::Builder::send_buffer) is full.
    ///
    /// The message is queued then. If it cannot be delivered, the session closes with 1006.
    ///
    /// # Errors
    ///
    /// Fails if the session is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.sender.send(message).await
    }

    /// Receives the next message. `None` if the session is closed and no message is left.
    ///
    /// Heartbeats are not messages, and not visible.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// Waits until the session is closed, and returns why.
    ///
    /// - A code and reason that the server sent are returned as they are.
    /// - 1000 means that this client closed the session.
    /// - 1006 means that the connection was lost, that a message could not be delivered, or that the
    ///   server sent something that is not SockJS. The reason says what happened.
    /// - If a server closes a WebSocket without a frame of SockJS, the code is that of the WebSocket.
    ///
    /// A client that does not receive stops reading when
    /// [`receive_buffer`](crate::Builder::receive_buffer) is full, and then does not see that the session is
    /// closed.
    pub async fn closed(&self) -> CloseReason {
        self.sender.closed().await
    }

    /// Closes the session, after all messages that are queued are sent, and returns how it ended.
    ///
    /// That is 1000, or the code of the server if the server was faster. A WebSocket is closed with its
    /// closing handshake. HTTP transports have no way to say so: the server sees that the client is
    /// gone. After 30 seconds the client gives up.
    pub async fn close(self) -> CloseReason {
        self.sender.close().await
    }

    /// Returns the transport that the client uses.
    pub fn transport(&self) -> Transport {
        self.sender.transport()
    }

    /// Splits the client into a half that sends and a half that receives.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

/// The same as [`Client::recv`].
impl Stream for Client {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.receiver.poll_recv(cx)
    }
}
