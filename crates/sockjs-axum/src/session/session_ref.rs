use std::borrow::Cow;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Uri};
use sockjs_core::{Cause, CloseReason, Ending, Message, SessionState, Transport};
use uuid::Uuid;

use super::shared::Shared;
use crate::error::{SendError, TrySendError};

/// A session seen from outside its handler. It does not keep the session open.
///
/// What a method does not say here is said at the one of [`Session`](crate::Session).
#[derive(Clone, Debug)]
pub struct SessionRef {
    shared: Arc<Shared>,
}

impl SessionRef {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sends a message, waiting while the send buffer is full.
    ///
    /// # Errors
    ///
    /// If the session closes or is closed. The error holds the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(message.into()).await
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the session closes or is closed. Either error holds the
    /// message.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.shared.try_send(message.into())
    }

    /// Closes the session.
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.shared
            .close(CloseReason::new(code, reason), Cause::ClosedByApp);
    }

    /// Waits for the end of the session and returns how it ended.
    pub async fn closed(&self) -> Ending {
        poll_fn(|cx| self.shared.poll_closed(cx)).await
    }

    /// Returns the session's id, made by the server.
    pub fn id(&self) -> Uuid {
        self.shared.opening().id
    }

    /// Returns how the client is connected.
    pub fn transport(&self) -> Transport {
        self.shared.connection().transport
    }

    /// Returns where the last receive request came from.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.shared.connection().remote_addr
    }

    /// Returns the URI of the request that opened the session, with a dash for the session's id.
    pub fn uri(&self) -> &Uri {
        self.shared.opening().head.uri()
    }

    /// Returns the path of [`uri`](Self::uri).
    pub fn path(&self) -> &str {
        self.uri().path()
    }

    /// Returns the path under which the session's mount is reached.
    pub fn prefix(&self) -> &str {
        self.shared.opening().prefix.as_ref()
    }

    /// Returns the headers of the request that opened the session.
    pub fn headers(&self) -> &HeaderMap {
        self.shared.opening().head.headers()
    }

    /// Returns where the session is in its life.
    pub fn state(&self) -> SessionState {
        self.shared.state()
    }

    pub(crate) fn close_as_slow(&self) {
        self.shared
            .abort(CloseReason::INTERRUPTED, Cause::SlowClient);
    }
}
