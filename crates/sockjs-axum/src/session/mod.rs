//! One session: what the application, the session's task and the transports hold of it.
//!
//! Nothing here names a status code, a URL or the registry. Nobody else locks a session or touches
//! its wakers.

mod handler;
mod keeping;
mod session_ref;

mod attachment;
mod output;
mod send_queue;
mod sends;
mod waits;

mod shared;

mod belongings;
mod crowd;
mod holds;
mod line;
mod wakers;
mod writer;

mod binding;
mod binding_key;
mod head;
mod opening;
mod path_params;

#[cfg(all(test, shuttle))]
mod interleavings;

pub(crate) use self::attachment::Attachment;
pub(crate) use self::belongings::TopicsOfMount;
pub(crate) use self::binding::{Binding, Digest, DigestKey, Even};
pub use self::binding_key::{BindingKey, KeyWriter};
pub use self::handler::SessionHandler;
pub(crate) use self::handler::{Accepted, ErasedHandler, HandlerFuture, StateOf, Supplied, echo};
pub(crate) use self::opening::{
    Credentials, Key, Opening, Prefix, conceal_credentials, conceal_id, head_len, prefix,
    remote_addr,
};
pub(crate) use self::output::{SHORT, Then};
pub(crate) use self::path_params::conceal_id_in_params;
pub(crate) use self::send_queue::{SendQueue, SendRequest};
pub use self::session_ref::SessionRef;
pub(crate) use self::shared::{Connection, Next, Room, Shared};
pub(crate) use self::wakers::Parking;
pub(crate) use self::writer::Writer;

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};
use http::{HeaderMap, Uri};
use serde::Serialize;
use sockjs_core::{Batch, Cause, CloseReason, Ending, Message, SessionState, Transport};
use tokio::task::coop::poll_proceed;
use uuid::Uuid;

use self::holds::Hold;
use self::line::Ticket;
use self::waits::{Closed, Sending, SendingMany};
use crate::error::{SendError, SendJsonError, TrySendError};

/// The application's end of a session, handed to the handler of
/// [`SockJsLayer::on_session`](crate::SockJsLayer::on_session).
///
/// It behaves like a WebSocket, whatever transport the client uses. Messages are received by
/// [`recv`](Self::recv) and sent by [`send`](Self::send), or through [`Stream`] and [`Sink`].
/// [`split`](Self::split) makes two halves for two tasks.
///
/// When the `Session` is dropped, queued messages are delivered, and the session closes with 1000
/// `Normal closure`. So a session ends when its handler returns, unless the handler moved the
/// `Session` or its [`Receiver`] to another task. Clones of the [`Sender`] do not keep it open then.
///
/// # Example
///
/// ```
/// use sockjs_axum::{SendError, Session, SockJsLayer};
///
/// async fn shout(mut session: Session) -> Result<(), SendError> {
///     while let Some(message) = session.recv().await {
///         session.send(message.to_uppercase()).await?;
///     }
///     Ok(())
/// }
///
/// let service = SockJsLayer::new("/shout").on_session(shout).into_service();
/// ```
#[derive(Debug)]
pub struct Session {
    sender: Sender,
    batch: Option<Box<Batch>>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.hold_open(Hold::Receiver);
        Self {
            sender: Sender::new(shared),
            batch: None,
        }
    }

    /// Receives the next message. Returns `None` when the session is over and all messages that arrived
    /// before its end were received. The session has left its topics then.
    ///
    /// A session that was [closed](Self::close) is over once its client has been told, or after the
    /// disconnect delay. Messages that its client sends meanwhile are discarded.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Receives the messages that are there, `limit` at most, and appends them to `messages`. Waits while
    /// there is none. Returns how many messages were received: zero when [`recv`](Self::recv) would return
    /// `None`, and when `limit` is zero.
    ///
    /// A handler that takes messages together can act on them together, such as with one write to a
    /// database.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost, and `messages` is unchanged.
    ///
    /// # Example
    ///
    /// ```
    /// use sockjs_axum::{SendError, Session, SockJsLayer};
    ///
    /// async fn echo(mut session: Session) -> Result<(), SendError> {
    ///     let mut messages = Vec::new();
    ///     while session.recv_many(&mut messages, 100).await > 0 {
    ///         session.send_many(&mut messages).await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let service = SockJsLayer::new("/echo").on_session(echo).into_service();
    /// ```
    pub async fn recv_many(&mut self, messages: &mut Vec<Message>, limit: usize) -> usize {
        let Self { sender, batch } = self;
        let shared = sender.shared();
        poll_fn(|cx| shared.poll_recv_many(cx, batch, messages, limit)).await
    }

    /// Sends a message. Waits while the send buffer is full. Senders that wait are served in the order in
    /// which they came.
    ///
    /// The future is ready when the message is queued. [`closed`](Self::closed) reports at the end how
    /// many messages were not delivered.
    ///
    /// # Errors
    ///
    /// If the session is closing or closed. The error holds the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent. Until the future is polled
    /// or dropped, the send buffer may keep room for its message.
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        Sending::new(self.shared(), message.into())
    }

    /// Sends all of `messages`, in their order. It is the same as to [`send`](Self::send) one after the
    /// other, and cheaper. A message of another sender may come between two of them.
    ///
    /// Messages that are queued are removed from `messages`, so that it is empty when all are sent.
    ///
    /// # Errors
    ///
    /// If the session is closing or closed. The error holds the first message that was not sent, and
    /// `messages` the others.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, `messages` holds the messages that were not sent.
    pub fn send_many<'a>(
        &'a self,
        messages: &'a mut Vec<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        SendingMany::new(self.shared(), messages)
    }

    /// Sends a message if the send buffer has room for it, and nobody waits for room.
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session is closing or closed. The error holds the message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.sender.try_send(message)
    }

    /// Sends any value as JSON. See [`send`](Self::send). [`Message::json`] parses a message that was
    /// received.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, or the session is closing or closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), SendJsonError> {
        self.sender.send_json(value).await
    }

    /// Closes the session: the queued messages are delivered, then the client is told `code` and
    /// `reason`. Only the first call has an effect.
    ///
    /// Applications use 1000, or 3000 to 4999, as `code`. A WebSocket close frame carries the same
    /// values, with two exceptions: a code that RFC 6455 forbids is replaced by 1000, and a reason of
    /// more than 123 bytes is cut.
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.sender.close(code, reason);
    }

    /// Waits for the end of the session, and returns how the session ended. Every call returns the same.
    ///
    /// It does not wait until [`recv`](Self::recv) has returned all messages.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        self.sender.closed().await
    }

    /// Splits the session into a sending and a receiving half.
    ///
    /// The session closes when both halves and all clones of the sender are dropped. It also closes
    /// when its handler has returned and the receiver is dropped, however many senders are left: a room
    /// that keeps the senders of its members does not keep their sessions open.
    ///
    /// If the receiver alone is dropped, messages from the client are checked, answered and discarded.
    pub fn split(mut self) -> (Sender, Receiver) {
        let receiver = Receiver::new(self.shared().clone(), self.batch.take());
        let mut sender = self.sender.clone();
        // What the sink took belongs to the sender.
        sender.sending = mem::take(&mut self.sender.sending);
        (sender, receiver)
    }

    /// Returns a reference, which has what other tasks need of the session. Its clones do not keep the
    /// session open.
    pub fn session_ref(&self) -> &SessionRef {
        self.sender.session_ref()
    }

    /// Returns an id that the server made. It is unique among all sessions.
    ///
    /// It is not the session id in the URLs of the session. That id is a secret of the client.
    pub fn id(&self) -> Uuid {
        self.sender.id()
    }

    /// Returns the transport of the client's last receive request.
    pub fn transport(&self) -> Transport {
        self.shared().connection().transport
    }

    /// Returns the WebSocket subprotocol that was chosen of those of
    /// [`SockJsLayer::protocols`](crate::SockJsLayer::protocols). It is `None` if the client offered none
    /// of them, and on transports that are no WebSocket.
    pub fn protocol(&self) -> Option<&str> {
        self.shared().opening().protocol.as_deref()
    }

    /// Returns the remote address of the client's last receive request, if the server provides
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo). Behind a proxy, it is the address of the
    /// proxy.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.shared().connection().remote_addr
    }

    /// Returns the URI of the request that opened the session, with a dash in place of the session id.
    ///
    /// Over HTTP/2 the URI is absolute, because it contains scheme and authority.
    pub fn uri(&self) -> &Uri {
        self.shared().opening().head.uri()
    }

    /// Returns the path of [`uri`](Self::uri).
    pub fn path(&self) -> &str {
        self.uri().path()
    }

    /// Returns the path to the mount of the session: `/echo`. It includes prefixes that routers
    /// stripped.
    pub fn prefix(&self) -> &str {
        self.shared().opening().prefix()
    }

    /// Returns the headers of the request that opened the session.
    ///
    /// `Cookie` and `Authorization` are missing unless
    /// [`allowed_origins`](crate::SockJsLayer::allowed_origins) is set. Any page can make a browser send
    /// them, so they prove nothing.
    pub fn headers(&self) -> &HeaderMap {
        self.shared().opening().head.headers()
    }

    /// Returns the state of the session.
    pub fn state(&self) -> SessionState {
        self.shared().state()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.sender.shared().poll_recv(cx, &mut self.batch)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.sender.shared()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared().release(Hold::Receiver);
    }
}

/// Ends when the session is over and all messages were received.
impl Stream for Session {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}

/// See the implementation for [`Sender`].
impl Sink<Message> for Session {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.sender).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        Pin::new(&mut self.sender).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.sender).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.sender).poll_close(cx)
    }
}

/// The sending half of a [`Session`]. Clones belong to the same session.
///
/// A sender keeps the session open only until its handler has returned and the [`Receiver`] is dropped.
/// Through its [`session_ref`](Self::session_ref), a sender reaches everything that a [`Session`] knows of
/// its client. A clone of that reference never keeps the session open.
#[derive(Debug)]
pub struct Sender {
    session: SessionRef,
    /// The place in line of a message that the sink took, and that found no room in the send buffer.
    sending: Option<Ticket>,
    /// The place among those that wait for the end of the session, while the sink closes.
    closing: Option<Ticket>,
}

impl Sender {
    fn new(shared: Arc<Shared>) -> Self {
        shared.hold_open(Hold::Sender);
        Self {
            session: SessionRef::new(shared),
            sending: None,
            closing: None,
        }
    }

    /// Sends a message. See [`Session::send`].
    ///
    /// # Errors
    ///
    /// If the session is closing or closed. The error holds the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        Sending::new(self.shared(), message.into())
    }

    /// Sends all of `messages`. See [`Session::send_many`].
    ///
    /// # Errors
    ///
    /// If the session is closing or closed. The error holds the first message that was not sent, and
    /// `messages` the others.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, `messages` holds the messages that were not sent.
    pub fn send_many<'a>(
        &'a self,
        messages: &'a mut Vec<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        SendingMany::new(self.shared(), messages)
    }

    /// Sends a message if the send buffer has room for it. See [`Session::try_send`].
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session is closing or closed. The error holds the message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.shared().try_send(message.into())
    }

    /// Sends any value as JSON. See [`Session::send_json`].
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, or the session is closing or closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), SendJsonError> {
        let message = Message::from_json(value).map_err(SendJsonError::Json)?;
        self.send(message).await.map_err(|_| SendJsonError::Closed)
    }

    /// Closes the session. See [`Session::close`].
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.session.close(code, reason);
    }

    /// Waits for the end of the session. See [`Session::closed`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        Closed::new(self.shared()).await
    }

    /// Returns whether the session is closing or closed. Nothing can be sent then.
    pub fn is_closed(&self) -> bool {
        self.shared().is_closed()
    }

    /// Returns a reference to the session. See [`Session::session_ref`].
    pub fn session_ref(&self) -> &SessionRef {
        &self.session
    }

    /// Returns the id that the server made for the session. See [`Session::id`].
    pub fn id(&self) -> Uuid {
        self.session.id()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.session.shared()
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        Self::new(self.shared().clone())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(ticket) = self.sending.take() {
            self.shared().leave_line(ticket);
        }
        if let Some(ticket) = self.closing.take() {
            self.shared().stop_waiting(ticket);
        }
        self.shared().release(Hold::Sender);
    }
}

/// Flushing waits until every message that the sink took is queued. Closing waits until the session is
/// over. Until the sink is flushed, a message of [`send`](Sender::send) may overtake one that the sink
/// took, and the send buffer may keep room for that one. If the sink is dropped, that message is not
/// sent.
///
/// # Panics
///
/// As other sinks do, `start_send` panics if `poll_ready` has not returned `Ready` before.
impl Sink<Message> for Sender {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let budget = ready!(poll_proceed(cx));
        let result = ready!(self.poll_flush(cx));
        budget.made_progress();
        Poll::Ready(result)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        assert!(
            self.sending.is_none(),
            "`start_send` was called without `poll_ready`"
        );
        // Another sender may have filled the send buffer since `poll_ready`.
        self.sending = self.shared().queue(message)?;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(ticket) = self.sending else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(self.shared().poll_line(cx, ticket));
        self.sending = None;
        Poll::Ready(result)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let Self {
            session, closing, ..
        } = &mut *self;
        let shared = session.shared();
        shared.close(CloseReason::NORMAL, Cause::ClosedByApp);
        shared.poll_closed(cx, closing).map(|_| Ok(()))
    }
}

/// The receiving half of a [`Session`].
///
/// If it is dropped, messages from the client are checked, answered and discarded. They do not count
/// against the receive buffer. If the handler has returned by then, the session closes.
///
/// Through its [`session_ref`](Self::session_ref), a receiver reaches everything that a [`Session`] knows of
/// its client.
#[derive(Debug)]
pub struct Receiver {
    session: SessionRef,
    batch: Option<Box<Batch>>,
}

impl Receiver {
    fn new(shared: Arc<Shared>, batch: Option<Box<Batch>>) -> Self {
        shared.hold_open(Hold::Receiver);
        Self {
            session: SessionRef::new(shared),
            batch,
        }
    }

    /// Receives the next message. See [`Session::recv`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Receives the messages that are there, `limit` at most. See [`Session::recv_many`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost, and `messages` is unchanged.
    pub async fn recv_many(&mut self, messages: &mut Vec<Message>, limit: usize) -> usize {
        let Self { session, batch } = self;
        let shared = session.shared();
        poll_fn(|cx| shared.poll_recv_many(cx, batch, messages, limit)).await
    }

    /// Waits for the end of the session. See [`Session::closed`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        Closed::new(self.shared()).await
    }

    /// Returns a reference to the session. See [`Session::session_ref`].
    pub fn session_ref(&self) -> &SessionRef {
        &self.session
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.session.shared().poll_recv(cx, &mut self.batch)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.session.shared()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared().release(Hold::Receiver);
    }
}

/// Ends when the session is over and all messages were received.
impl Stream for Receiver {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    /// The future of a handler holds them for as long as its session lasts.
    #[test]
    fn what_a_handler_holds_stays_small() {
        assert!(size_of::<super::Session>() <= 24);
        assert!(size_of::<super::Sender>() <= 16);
        assert!(size_of::<super::Receiver>() <= 16);
        assert!(size_of::<super::Sending<'_>>() <= 48);
    }
}
