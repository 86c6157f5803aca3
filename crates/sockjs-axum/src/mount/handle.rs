use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sockjs_core::{Cause, CloseReason, Message, Transport};
use uuid::Uuid;

use super::broadcast::{Broadcast, BroadcastOutcome, Scope};
use super::registry::{Phase, Registry};
use super::topic::Topic;
use crate::session::SessionRef;
use crate::slow_policy::SlowPolicy;

/// A handle to all sessions of a mount, for use outside their handlers.
///
/// With [peers](crate::SockJsLayer::peers) these are the sessions that this node owns. Only
/// [`broadcast`](Self::broadcast) and messages to a [`topic`](Self::topic) reach those of other nodes.
///
/// [`SockJsLayer::handle`](crate::SockJsLayer::handle) makes it. Clones belong to the same mount. A
/// handle keeps no session open.
///
/// # Example: shutdown together with axum
///
/// axum's graceful shutdown waits until all responses have ended, but a stream does not end by itself.
/// The handle ends it.
///
/// ```no_run
/// use std::time::Duration;
/// use axum::Router;
/// use sockjs_axum::SockJsLayer;
///
/// # async fn serve(signal: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
/// let sockjs = SockJsLayer::echo("/echo");
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
    scope: Scope,
}

impl SockJsHandle {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            scope: Scope::All,
        }
    }

    /// Returns a handle whose messages do not reach the sessions of other nodes. Without
    /// [peers](crate::SockJsLayer::peers) it makes no difference.
    pub fn local(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            scope: Scope::Local,
        }
    }

    /// Returns the number of sessions. Sessions that are closing count until they are over.
    pub fn len(&self) -> usize {
        self.registry.len()
    }

    /// Returns whether the mount has no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of sessions by transport. A transport without sessions has no entry.
    pub fn count_by_transport(&self) -> HashMap<Transport, usize> {
        let mut counts = HashMap::new();
        for shared in self.registry.all() {
            *counts.entry(shared.connection().transport).or_default() += 1;
        }
        counts
    }

    /// Returns all sessions, in no particular order. Some may be closing.
    pub fn sessions(&self) -> impl Iterator<Item = SessionRef> + use<> {
        self.registry.all().into_iter().map(SessionRef::new)
    }

    /// Returns the session with that [id](crate::Session::id).
    pub fn get(&self, id: Uuid) -> Option<SessionRef> {
        self.registry.get(id).map(SessionRef::new)
    }

    /// Sends a message to all sessions. The message is encoded once, whatever the number of sessions.
    ///
    /// With [peers](crate::SockJsLayer::peers), the message reaches the sessions of all nodes, those of the
    /// other nodes at most once. [`local`](Self::local) restricts it to this node.
    ///
    /// `slow` says what happens to sessions whose send buffer is full.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the sessions that it still waits for do not get the message.
    pub async fn broadcast(
        &self,
        message: impl Into<Message>,
        slow: SlowPolicy,
    ) -> BroadcastOutcome {
        let peers = self.registry.peers().filter(|_| self.scope == Scope::All);
        let broadcast = self.offer(|_| true, message.into());
        broadcast.publish(peers, None, None, slow).await
    }

    /// Sends a message to the sessions of this node for which `filter` returns `true`. See
    /// [`broadcast`](Self::broadcast).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the sessions that it still waits for do not get the message.
    pub async fn broadcast_to(
        &self,
        filter: impl Fn(&SessionRef) -> bool,
        message: impl Into<Message>,
        slow: SlowPolicy,
    ) -> BroadcastOutcome {
        let broadcast = self.offer(filter, message.into());
        broadcast.finish(slow).await
    }

    /// Queues a message for the sessions whose send buffer has room.
    fn offer(&self, filter: impl Fn(&SessionRef) -> bool, message: Message) -> Broadcast {
        let mut broadcast = Broadcast::new(message);
        for session in self.sessions().filter(filter) {
            broadcast.offer(session.shared());
        }
        broadcast
    }

    /// Returns a topic of the mount. Sessions [join](crate::Session::join) it by its name.
    ///
    /// There is no list of all topics. [`SessionRef::topics`] has those of a session.
    pub fn topic(&self, name: &str) -> Topic {
        let topic = Topic::new(self.registry.topics().clone(), name);
        match self.scope {
            Scope::All => topic,
            Scope::Local => topic.local(),
        }
    }

    /// Closes all sessions and returns their number. See [`Session::close`](crate::Session::close).
    pub fn close_all(&self, code: u16, reason: impl Into<Cow<'static, str>>) -> usize {
        self.close_where(|_| true, code, reason)
    }

    /// Closes the sessions for which `filter` returns `true`, and returns their number. Sessions that are
    /// closing already do not count.
    pub fn close_where(
        &self,
        filter: impl Fn(&SessionRef) -> bool,
        code: u16,
        reason: impl Into<Cow<'static, str>>,
    ) -> usize {
        let reason = CloseReason::new(code, reason);
        self.sessions()
            .filter(filter)
            .filter(|session| session.shared().close(reason.clone(), Cause::ClosedByApp))
            .count()
    }

    /// Shuts the mount down:
    ///
    /// 1. It refuses new sessions and `/info` with 503.
    /// 2. It closes all sessions with 1001 `Going away`, and waits until their queued messages are sent
    ///    and their handlers have returned.
    /// 3. When `deadline` has passed since the call, it cuts off the rest: sessions end without a close
    ///    frame, and handlers are dropped at their present `.await`.
    ///
    /// A session between two polls ends when its client polls again, or after the disconnect delay. A
    /// `deadline` shorter than the disconnect delay cuts such sessions off.
    ///
    /// A shutdown cannot be undone. A second call waits for the same end.
    ///
    /// The shutdown ends sessions, but not connections. The connection of a client that reads nothing
    /// stays open, and axum's graceful shutdown waits for it. Give that shutdown a deadline of its own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, sessions are closed, but nothing is cut off.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownOutcome {
        self.registry.enter(Phase::Stopping);
        let sessions = self.registry.all();
        for session in &sessions {
            session.close(CloseReason::GOING_AWAY, Cause::ShuttingDown);
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
            // The tasks still have to run once. A task that blocks its thread never does.
            let _ = tokio::time::timeout(CUT_TIMEOUT, self.registry.vacant()).await;
        }
        let endings = sessions.iter().filter_map(|session| session.ending());
        let undelivered = endings.map(|ending| ending.undelivered()).sum();
        ShutdownOutcome {
            sessions: sessions.len(),
            cut,
            undelivered,
        }
    }
}

/// The outcome of a [shutdown](SockJsHandle::shutdown).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ShutdownOutcome {
    /// The number of sessions at the time of the call.
    pub sessions: usize,
    /// The number of sessions and handlers that were cut off at the deadline.
    pub cut: usize,
    /// The number of messages that were not delivered.
    pub undelivered: usize,
}

/// How long a shutdown waits for tasks after it has cut them off.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);
