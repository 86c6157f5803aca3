//! One session: what the application, the session's task and the transports hold of it.
//!
//! Nothing here names a status code, a URL or the registry. Nobody else locks a session or touches
//! its wakers.

mod handler;
mod session_ref;

mod attachment;
mod send_queue;
mod shared;
mod wakers;

mod binding;
mod head;
mod opening;

pub(crate) mod close;

pub(crate) use self::attachment::Attachment;
pub(crate) use self::binding::{Binding, BoundTo};
pub use self::handler::SessionHandler;
pub(crate) use self::handler::{Accepted, ErasedHandler, HandlerFuture, echo};
pub(crate) use self::opening::{
    Credentials, Key, Opening, conceal_credentials, conceal_id, head_len, prefix, remote_addr,
};
pub(crate) use self::send_queue::SendQueue;
pub use self::session_ref::SessionRef;
pub(crate) use self::shared::{Connection, Shared};
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
/// It behaves like a WebSocket whatever transport the client uses: [`recv`](Self::recv) and
/// [`send`](Self::send), or [`Stream`] and [`Sink`]. [`split`](Self::split) gives the two directions
/// to different tasks.
///
/// Dropping it closes the session with 1000 `Normal closure`, once what was sent has been
/// delivered; so a handler that returns ends its session.
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
/// let layer = SockJsLayer::<()>::new("/shout").on_session(shout);
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

    /// Receives the next message; `None` once the session is over and all that came before was
    /// received.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.shared().poll_recv(cx)).await
    }

    /// Sends a message, waiting while the send buffer is full.
    ///
    /// It returns once the message is queued; [`closed`](Self::closed) tells in the end how many
    /// were not delivered.
    ///
    /// # Errors
    ///
    /// If the session closes or is closed. The error holds the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent.
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        self.shared().send(message.into())
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session closes or is closed. Either error holds the
    /// message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.sender.try_send(message)
    }

    /// Sends any value as JSON, as [`send`](Self::send) does. A message that arrives is parsed by
    /// [`Message::json`].
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, or the session closes or is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent.
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), SendJsonError> {
        self.sender.send_json(value).await
    }

    /// Closes the session: what was sent before is delivered first, then the client is told `code`
    /// and `reason`. Only the first call has an effect.
    ///
    /// Applications use 1000 or 3000–4999 as `code`. On a WebSocket, the close frame carries the
    /// same values, or 1000 where RFC 6455 does not allow the code; a reason longer than its 123
    /// bytes is cut there.
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.sender.close(code, reason);
    }

    /// Waits for the end of the session and returns how it ended. Any number of calls return the
    /// same.
    ///
    /// It does not wait for [`recv`](Self::recv) to have returned all messages.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        self.sender.closed().await
    }

    /// Splits the session into its two directions. It closes when both, and all clones of the
    /// sender, are dropped.
    pub fn split(self) -> (Sender, Receiver) {
        let handle = self.sender.handle.clone();
        (self.sender, Receiver { handle })
    }

    /// Returns an id made by the server, unique among all sessions.
    ///
    /// It is not the id in the session's URLs, which nobody but the client may know.
    pub fn id(&self) -> Uuid {
        self.sender.id()
    }

    /// Returns how the client is connected: the transport of its last receive request.
    pub fn transport(&self) -> Transport {
        self.shared().connection().transport
    }

    /// Returns where the last receive request came from, if the server was started with
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo). Behind a proxy that is the proxy.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.shared().connection().remote_addr
    }

    /// Returns the URI of the request that opened the session, with a dash for the session's id.
    pub fn uri(&self) -> &Uri {
        self.shared().opening().head.uri()
    }

    /// Returns the path of [`uri`](Self::uri).
    pub fn path(&self) -> &str {
        self.uri().path()
    }

    /// Returns the path under which the session's mount is reached: `/echo`.
    pub fn prefix(&self) -> &str {
        self.shared().opening().prefix.as_ref()
    }

    /// Returns the headers of the request that opened the session, without `Cookie` and
    /// `Authorization` unless [`allowed_origins`](crate::SockJsLayer::allowed_origins) are set: any
    /// page can make a browser send those, so they prove nothing.
    pub fn headers(&self) -> &HeaderMap {
        self.shared().opening().head.headers()
    }

    /// Returns where the session is in its life.
    pub fn state(&self) -> SessionState {
        self.shared().state()
    }

    fn shared(&self) -> &Shared {
        &self.sender.handle.shared
    }
}

/// Ends once the session is over and all messages were received.
impl Stream for Session {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.shared().poll_recv(cx)
    }
}

/// As that of [`Sender`].
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

/// The sending half of a [`Session`]. Clones send to the same session.
#[derive(Debug)]
pub struct Sender {
    handle: Handle,
    /// A message given to the sink that found no room.
    pending: Option<Box<Message>>,
}

impl Sender {
    /// Sends a message, as [`Session::send`] does.
    ///
    /// # Errors
    ///
    /// If the session closes or is closed. The error holds the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent.
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        self.handle.shared.send(message.into())
    }

    /// Sends a message if there is room for it now, as [`Session::try_send`] does.
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session closes or is closed. Either error holds the
    /// message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.handle.shared.try_send(message.into())
    }

    /// Sends any value as JSON, as [`Session::send_json`] does.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, or the session closes or is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent.
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), SendJsonError> {
        let message = Message::from_json(value).map_err(SendJsonError::Json)?;
        self.send(message).await.map_err(|_| SendJsonError::Closed)
    }

    /// Closes the session, as [`Session::close`] does.
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.handle
            .shared
            .close(CloseReason::new(code, reason), Cause::ClosedByApp);
    }

    /// Waits for the end of the session, as [`Session::closed`] does.
    pub async fn closed(&self) -> Ending {
        poll_fn(|cx| self.handle.shared.poll_closed(cx)).await
    }

    /// Returns the session's id, as [`Session::id`] does.
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

/// Flushing waits until all is queued, closing until the session is over. What the sink took may be
/// overtaken by [`send`](Sender::send) until it is flushed.
impl Sink<Message> for Sender {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        match self.handle.shared.try_send(message) {
            Ok(()) => Ok(()),
            // Another clone of the sender took the room.
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
    /// Receives the next message, as [`Session::recv`] does.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.handle.shared.poll_recv(cx)).await
    }

    /// Waits for the end of the session, as [`Session::closed`] does.
    pub async fn closed(&self) -> Ending {
        poll_fn(|cx| self.handle.shared.poll_closed(cx)).await
    }
}

/// Ends once the session is over and all messages were received.
impl Stream for Receiver {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.handle.shared.poll_recv(cx)
    }
}

/// What the application holds a session by. Dropping the last of one session closes it.
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
