use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sockjs_core::{Cause, CloseReason, Message, Transport};
use uuid::Uuid;

use super::registry::{Phase, Registry};
use crate::error::TrySendError;
use crate::session::SessionRef;
use crate::session::close::GOING_AWAY;

/// All sessions of a mount, from outside their handlers.
///
/// Made by [`SockJsLayer::handle`](crate::SockJsLayer::handle). Clones are of the same mount, and
/// keep no session open.
///
/// # Example: shutdown together with axum's
///
/// axum's graceful shutdown waits for all responses to end, and streams have no end of their own.
/// The handle gives them one.
///
/// ```no_run
/// use std::time::Duration;
/// use axum::Router;
/// use sockjs_axum::SockJsLayer;
///
/// # async fn serve(signal: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
/// let sockjs = SockJsLayer::new("/echo");
/// let handle = sockjs.handle();
/// let app = Router::new().layer(sockjs);
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, app)
///     .with_graceful_shutdown(async move {
///         signal.await;
///         handle.shutdown(Duration::from_secs(10)).await;
///     })
///     .await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SockJsHandle {
    registry: Arc<Registry>,
}

impl SockJsHandle {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Returns how many sessions there are.
    pub fn len(&self) -> usize {
        self.registry.len()
    }

    /// Returns whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many sessions there are of each transport that has any.
    pub fn count_by_transport(&self) -> HashMap<Transport, usize> {
        let mut counts = HashMap::new();
        for shared in self.registry.all() {
            *counts.entry(shared.connection().transport).or_default() += 1;
        }
        counts
    }

    /// Returns all sessions, in no particular order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionRef> + use<> {
        self.registry.all().into_iter().map(SessionRef::new)
    }

    /// Finds the session with that [id](crate::Session::id).
    pub fn get(&self, id: Uuid) -> Option<SessionRef> {
        self.registry.get(id).map(SessionRef::new)
    }

    /// Sends a message to all sessions. It is encoded once, however many there are.
    ///
    /// `slow` says what is to be done about sessions whose send buffer is full.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, sessions it still waits for do not get the message.
    pub async fn broadcast(&self, message: impl Into<Message>, slow: Slow) -> Broadcast {
        self.broadcast_to(|_| true, message, slow).await
    }

    /// Sends a message to the sessions that `filter` chooses, as [`broadcast`](Self::broadcast)
    /// does to all.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, sessions it still waits for do not get the message.
    pub async fn broadcast_to(
        &self,
        filter: impl Fn(&SessionRef) -> bool,
        message: impl Into<Message>,
        slow: Slow,
    ) -> Broadcast {
        let message = message.into();
        let mut broadcast = Broadcast::default();
        let mut full = Vec::new();
        for session in self.sessions().filter(filter) {
            match session.try_send(message.clone()) {
                Ok(()) => broadcast.sent += 1,
                Err(TrySendError::Full(_)) => full.push(session),
                // It ended meanwhile, and is none of all sessions any more.
                Err(_) => {}
            }
        }
        match slow {
            Slow::Skip => broadcast.skipped += full.len(),
            Slow::Close => {
                full.iter().for_each(SessionRef::close_as_slow);
                broadcast.closed += full.len();
            }
            Slow::Wait => {
                let mut waiting: FuturesUnordered<_> = full
                    .iter()
                    .map(|session| session.send(message.clone()))
                    .collect();
                while let Some(result) = waiting.next().await {
                    match result {
                        Ok(()) => broadcast.sent += 1,
                        Err(_) => broadcast.closed += 1,
                    }
                }
            }
        }
        broadcast
    }

    /// Closes all sessions, as [`Session::close`](crate::Session::close) does one, and returns how
    /// many there were.
    pub fn close_all(&self, code: u16, reason: impl Into<Cow<'static, str>>) -> usize {
        self.close_where(|_| true, code, reason)
    }

    /// Closes the sessions that `filter` chooses, and returns how many it chose.
    pub fn close_where(
        &self,
        filter: impl Fn(&SessionRef) -> bool,
        code: u16,
        reason: impl Into<Cow<'static, str>>,
    ) -> usize {
        let reason = reason.into();
        self.sessions()
            .filter(filter)
            .map(|session| session.close(code, reason.clone()))
            .count()
    }

    /// Ends the mount: refuses new sessions and `/info` with 503, closes all others with 1001 `Going away`,
    /// and waits until they have sent what waited and their handlers have returned.
    ///
    /// What is not done by `deadline`, counted from now, is cut off: sessions end as they are, and
    /// handlers are dropped where they wait. Sessions between two polls end when the client asks
    /// again, or after the disconnect delay; a deadline shorter than that cuts them off.
    ///
    /// There is no way back. Calling it again waits again.
    ///
    /// It ends sessions, not connections: one whose client reads nothing stays with the server, and
    /// axum's graceful shutdown waits for it. Give that a deadline of its own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, sessions are closed but nothing is cut off.
    pub async fn shutdown(&self, deadline: Duration) -> Shutdown {
        self.registry.enter(Phase::Stopping);
        let sessions = self.registry.all();
        for session in &sessions {
            session.close(GOING_AWAY, Cause::ShuttingDown);
        }
        let mut cut = 0;
        if tokio::time::timeout(deadline, self.registry.vacant())
            .await
            .is_err()
        {
            cut = self.registry.places();
            for session in self.registry.all() {
                session.abort(CloseReason::INTERRUPTED, Cause::ShuttingDown);
            }
            self.registry.enter(Phase::Stopped);
            // All that is left is for the tasks to notice. One that blocks its thread never will.
            let _ = tokio::time::timeout(CUT_TIMEOUT, self.registry.vacant()).await;
        }
        let endings = sessions.iter().filter_map(|session| session.ending());
        let undelivered = endings.map(|ending| ending.undelivered()).sum();
        Shutdown {
            sessions: sessions.len(),
            cut,
            undelivered,
        }
    }
}

/// What [`SockJsHandle::broadcast`] is to do about sessions whose send buffer is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Slow {
    /// Wait for room, at most until the session ends. The others have the message by then.
    Wait,
    /// Leave them out.
    Skip,
    /// End them as [`SlowClient`](crate::Cause::SlowClient).
    Close,
}

/// What became of a [broadcast](SockJsHandle::broadcast).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Broadcast {
    /// How many sessions the message was queued for.
    pub sent: usize,
    /// How many sessions were left out.
    pub skipped: usize,
    /// How many sessions were ended for it, or ended while it waited for them.
    pub closed: usize,
}

/// What became of the sessions of a mount that was [shut down](SockJsHandle::shutdown).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Shutdown {
    /// How many sessions there were.
    pub sessions: usize,
    /// How many sessions or handlers were still there at the deadline, and were cut off.
    pub cut: usize,
    /// How many messages were not delivered.
    pub undelivered: usize,
}

/// How long tasks may take to notice that they are cut off.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);
