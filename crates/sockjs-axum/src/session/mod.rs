//! One session: what the application, the session's task and the transports hold of it.
//!
//! Nothing here names a status code, a URL or the registry. Nobody else locks a session or touches
//! its wakers.

mod handler;
mod session_ref;

mod attachment;
mod send_queue;
mod sends;
mod shared;
mod wakers;

mod binding;
mod head;
mod opening;
mod path_params;

pub(crate) mod close;

pub(crate) use self::attachment::Attachment;
pub(crate) use self::binding::{Binding, Digest, DigestKey, Even};
pub use self::handler::SessionHandler;
pub(crate) use self::handler::{Accepted, ErasedHandler, HandlerFuture, echo};
pub(crate) use self::opening::{
    Credentials, Key, Opening, Prefix, conceal_credentials, conceal_id, head_len, prefix,
    remote_addr,
};
pub(crate) use self::path_params::conceal_id_in_params;
pub(crate) use self::send_queue::{SendQueue, Sending};
pub use self::session_ref::SessionRef;
pub(crate) use self::shared::{Connection, Next, Shared};
pub(crate) use self::wakers::Parking;

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};
use http::{HeaderMap, Uri};
use serde::Serialize;
use sockjs_core::{Cause, CloseReason, Ending, Message, SessionState, Transport};
use uuid::Uuid;

use self::close::PANICKED;
use crate::error::{SendError, SendJsonError, TrySendError};

/// The application's end of a session, handed to the handler of
/// [`SockJsLayer::on_session`](crate::SockJsLayer::on_session).
///
/// It behaves like a WebSocket, whatever transport the client uses. Messages are received by
/// [`recv`](Self::recv) and sent by [`send`](Self::send), or through [`Stream`] and [`Sink`].
/// [`split`](Self::split) makes two halves for two tasks.
///
/// When the `Session` is dropped, queued messages are delivered, and the session closes with 1000
/// `Normal closure`. So a session ends when its handler returns.
///
/// # Example
///
/// ```
/// use sockjs_axum::{Session, SockJsLayer};
///
/// async fn shout(mut session: Session) {
///     while let Some(message) = session.recv().await {
///         if session.send(message.to_uppercase()).await.is_err() {
///             break;
///         }
///     }
/// }
///
/// let service = SockJsLayer::new("/shout").on_session(shout).into_service();
/// ```
#[derive(Debug)]
pub struct Session {
    sender: Sender,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            sender: Sender {
                handle: Handle::new(shared),
                pending: None,
            },
        }
    }

    /// Receives the next message. Returns `None` when the session is over and all messages that arrived
    /// before its end were received.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.shared().poll_recv(cx)).await
    }

    /// Sends a message. Waits while the send buffer is full.
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
    /// If the future is dropped before it is ready, the message is not sent.
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        self.shared().send(message.into())
    }

    /// Sends a message if the send buffer has room for it.
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

    /// Splits the session into a sending and a receiving half. The session closes when both halves and
    /// all clones of the sender are dropped.
    pub fn split(self) -> (Sender, Receiver) {
        let handle = self.sender.handle.clone();
        (self.sender, Receiver { handle })
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

    fn shared(&self) -> &Shared {
        &self.sender.handle.shared
    }
}

/// Ends when the session is over and all messages were received.
impl Stream for Session {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.shared().poll_recv(cx)
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
#[derive(Debug)]
pub struct Sender {
    handle: Handle,
    /// A message that the sink took, and that found no room in the send buffer.
    pending: Option<Box<Message>>,
}

impl Sender {
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
        self.handle.shared.send(message.into())
    }

    /// Sends a message if the send buffer has room for it. See [`Session::try_send`].
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session is closing or closed. The error holds the message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.handle.shared.try_send(message.into())
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
        self.handle
            .shared
            .close(CloseReason::new(code, reason), Cause::ClosedByApp);
    }

    /// Waits for the end of the session. See [`Session::closed`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        poll_fn(|cx| self.handle.shared.poll_closed(cx)).await
    }

    /// Returns the id that the server made for the session. See [`Session::id`].
    pub fn id(&self) -> Uuid {
        self.handle.shared.opening().id
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            pending: None,
        }
    }
}

/// Flushing waits until every message that the sink took is queued. Closing waits until the session is
/// over. Until the sink is flushed, a message of [`send`](Sender::send) may overtake one that the sink
/// took.
impl Sink<Message> for Sender {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        match self.handle.shared.try_send(message) {
            Ok(()) => Ok(()),
            // Another clone of the sender has filled the send buffer since `poll_ready`.
            Err(TrySendError::Full(message)) => {
                self.pending = Some(Box::new(message));
                Ok(())
            }
            Err(error) => Err(SendError::new(error.into_message())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(message) = self.pending.take() else {
            return Poll::Ready(Ok(()));
        };
        let mut message = Some(*message);
        let poll = self.handle.shared.poll_send(cx, &mut message);
        self.pending = message.map(Box::new);
        poll
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.handle
            .shared
            .close(CloseReason::NORMAL, Cause::ClosedByApp);
        self.handle.shared.poll_closed(cx).map(|_| Ok(()))
    }
}

/// The receiving half of a [`Session`].
#[derive(Debug)]
pub struct Receiver {
    handle: Handle,
}

impl Receiver {
    /// Receives the next message. See [`Session::recv`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.handle.shared.poll_recv(cx)).await
    }

    /// Waits for the end of the session. See [`Session::closed`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        poll_fn(|cx| self.handle.shared.poll_closed(cx)).await
    }
}

/// Ends when the session is over and all messages were received.
impl Stream for Receiver {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.handle.shared.poll_recv(cx)
    }
}

/// The application's hold on a session. The session closes when its last handle is dropped.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    fn new(shared: Arc<Shared>) -> Self {
        shared.add_handle();
        Self { shared }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.shared.remove_handle() {
            return;
        }
        if std::thread::panicking() {
            self.shared.close(PANICKED, Cause::HandlerPanicked);
        } else {
            self.shared.close(CloseReason::NORMAL, Cause::ClosedByApp);
        }
    }
}
