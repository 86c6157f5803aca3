use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sockjs_core::{Cause, CloseReason, Message, Transport};
use uuid::Uuid;

use super::broadcast::{Broadcast, BroadcastOutcome, Scope};
use super::registry::{Phase, Registry};
use super::topic::Topic;
use crate::session::{SessionRef, Shared};
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

    /// Leads the clients of a mount with [peers](crate::SockJsLayer::peers) to the other nodes, and waits
    /// until no session is left, or `grace` is over. Returns the number of sessions that are left.
    ///
    /// Call it before [`shutdown`](Self::shutdown) when the node is about to be replaced, after the load
    /// balancer has been told to send no new clients:
    ///
    /// 1. The mount goes on serving all requests, and opens new sessions.
    /// 2. It ends the attached responses of the HTTP transports without loss, within two seconds: a stream
    ///    as if its limit were reached, a poll by a heartbeat. Responses say `Connection: close`. So
    ///    clients come back through other nodes, and those relay their requests to this one.
    /// 3. WebSockets stay.
    ///
    /// Without peers, this only waits, because a client that came back elsewhere would lose its session.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, responses go on saying `Connection: close`.
    pub async fn drain(&self, grace: Duration) -> usize {
        self.registry.enter(Phase::Draining);
        let drained = async {
            if let Some(nodes) = self.registry.nodes() {
                let sessions = spread(self.registry.all(), DRAIN, |session| {
                    session.finish_response();
                });
                let relays = nodes.relays();
                let relayed = spread(relays.all(), DRAIN, |relay| relays.finish(relay));
                tokio::join!(sessions, relayed);
            }
            self.registry.vacant().await;
        };
        let _ = tokio::time::timeout(grace, drained).await;
        self.registry.places()
    }

    /// Shuts the mount down:
    ///
    /// 1. It refuses new sessions and `/info` with 503.
    /// 2. It closes all sessions with 1001 `Going away`, and waits until their queued messages are sent
    ///    and their handlers have returned. Many sessions are closed one after the other during the first
    ///    half of `deadline`, so that their clients do not all connect elsewhere in the same moment.
    /// 3. When `deadline` has passed since the call, it cuts off the rest: sessions end without a close
    ///    frame, and handlers are dropped at their present `.await`.
    ///
    /// A session between two polls ends when its client polls again, or after the disconnect delay. A
    /// `deadline` shorter than the disconnect delay cuts such sessions off. If there are many sessions, the
    /// last ones are closed after half of `deadline`, so twice the disconnect delay is enough for all.
    ///
    /// A shutdown cannot be undone. A second call waits for the same end.
    ///
    /// The shutdown ends sessions, but not connections. The connection of a client that reads nothing
    /// stays open, and axum's graceful shutdown waits for it. Give that shutdown a deadline of its own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is cut off, and sessions that were not closed yet stay open.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownOutcome {
        self.registry.enter(Phase::Stopping);
        let sessions = self.registry.all();
        let mut cut = 0;
        if tokio::time::timeout(deadline, self.stop(&sessions, deadline / 2))
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

    /// Closes the sessions, spread over a time, and waits until all are over.
    async fn stop(&self, sessions: &[Arc<Shared>], over: Duration) {
        let close = spread(sessions, over, |session| {
            session.close(CloseReason::GOING_AWAY, Cause::ShuttingDown);
        });
        let Some(nodes) = self.registry.nodes() else {
            close.await;
            return self.registry.vacant().await;
        };
        let relays = nodes.relays();
        relays.close();
        let finish = spread(relays.all(), over, |relay| relays.finish(relay));
        tokio::join!(close, finish);
        tokio::join!(self.registry.vacant(), relays.vacant());
    }
}

/// Does something to each of many, evenly over a time. A few are no reason to wait.
async fn spread<T>(all: impl IntoIterator<Item = T>, over: Duration, mut act: impl FnMut(T)) {
    let mut all = all.into_iter().collect::<VecDeque<_>>();
    let ticks = over.as_millis() / TICK.as_millis();
    let batch = all.len() / usize::try_from(ticks.max(1)).unwrap_or(usize::MAX);
    let batch = FEW.max(batch + 1);
    while !all.is_empty() {
        all.drain(..batch.min(all.len())).for_each(&mut act);
        if !all.is_empty() {
            tokio::time::sleep(TICK).await;
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

/// How long it takes to end the attached responses of a mount that drains.
const DRAIN: Duration = Duration::from_secs(2);

/// The pause between two batches.
const TICK: Duration = Duration::from_millis(20);

/// How many are done at a time at least.
const FEW: usize = 64;

/// How long a shutdown waits for tasks after it has cut them off.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);
