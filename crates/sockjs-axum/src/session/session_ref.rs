use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Uri};
use sockjs_core::{Cause, CloseReason, Ending, Message, SessionState, Transport};
use uuid::Uuid;

use super::shared::Shared;
use super::waits::{Closed, Sending};
use crate::error::{SendError, TrySendError};

/// A reference to a session, for use outside its handler. It does not keep the session open.
///
/// See the method of the same name on [`Session`](crate::Session) for the details of each method.
#[derive(Clone, Debug)]
pub struct SessionRef {
    shared: Arc<Shared>,
}

impl SessionRef {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sends a message. Waits while the send buffer is full.
    ///
    /// # Errors
    ///
    /// If the session is closing or closed. The error holds the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        Sending::new(&self.shared, message.into()).await
    }

    /// Sends a message if the send buffer has room for it.
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session is closing or closed. The error holds the message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.shared.try_send(message.into())
    }

    /// Closes the session.
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.shared
            .close(CloseReason::new(code, reason), Cause::ClosedByApp);
    }

    /// Waits for the end of the session, and returns how the session ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> Ending {
        Closed::new(&self.shared).await
    }

    /// Returns the id that the server made for the session.
    pub fn id(&self) -> Uuid {
        self.shared.opening().id
    }

    /// Returns the transport of the client's last receive request.
    pub fn transport(&self) -> Transport {
        self.shared.connection().transport
    }

    /// Returns the WebSocket subprotocol that was chosen, if there is one.
    pub fn protocol(&self) -> Option<&str> {
        self.shared.opening().protocol.as_deref()
    }

    /// Returns the remote address of the client's last receive request.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.shared.connection().remote_addr
    }

    /// Returns the URI of the request that opened the session, with a dash in place of the session id.
    pub fn uri(&self) -> &Uri {
        self.shared.opening().head.uri()
    }

    /// Returns the path of [`uri`](Self::uri).
    pub fn path(&self) -> &str {
        self.uri().path()
    }

    /// Returns the path to the mount of the session.
    pub fn prefix(&self) -> &str {
        self.shared.opening().prefix()
    }

    /// Returns the headers of the request that opened the session.
    pub fn headers(&self) -> &HeaderMap {
        self.shared.opening().head.headers()
    }

    /// Returns the state of the session.
    pub fn state(&self) -> SessionState {
        self.shared.state()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn close_as_slow(&self) {
        self.shared
            .abort(CloseReason::INTERRUPTED, Cause::SlowClient);
    }
}
