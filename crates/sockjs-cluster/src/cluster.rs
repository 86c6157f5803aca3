use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockjs_axum::peers::{
    Claim, Found, NotPublished, PeerFuture, PeerMount, Peers, Publication, SessionKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use uuid::Uuid;

use crate::lease::Keeper;
use crate::mount::{Common, Mount};
use crate::outage::OnOutage;
use crate::relay::head::{MAX_MOUNT, VERSION};
use crate::relay::{Connect, Desk, Newcomers, Nodes, RelayService, serve, serve_connection};
use crate::secret::Secrets;
use crate::store::{Directory, Entry, NodeId, Topics};
use crate::topics::Exchange;

/// A node of a cluster. See the [crate documentation](crate).
///
/// Clones are the same node.
#[derive(Clone)]
pub struct Cluster {
    member: Arc<Member>,
}

struct Member {
    common: Arc<Common>,
    secrets: Arc<Secrets>,
    mounts: Mutex<HashMap<Arc<str>, Arc<Mount>>>,
    newcomers: Arc<Newcomers>,
    left: watch::Sender<bool>,
    /// The tasks end when the last mount and the last clone of the cluster are dropped.
    tasks: Mutex<JoinSet<()>>,
}

/// What a builder has checked.
pub(crate) struct Settings {
    pub(crate) secrets: Secrets,
    pub(crate) addr: SocketAddr,
    pub(crate) lease: Duration,
    pub(crate) on_outage: OnOutage,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) topics: Arc<dyn Topics>,
}

impl Cluster {
    pub(crate) fn start(settings: Settings) -> Self {
        let me = Entry {
            version: VERSION,
            node: NodeId(Uuid::new_v4().into_bytes()),
            addr: settings.addr,
        };
        let secrets = Arc::new(settings.secrets);
        let desk = Arc::new(Desk::new(me.node, secrets.clone()));
        let keeper = Arc::new(Keeper::new(
            me,
            settings.directory.clone(),
            settings.lease,
            desk.clone(),
        ));
        let exchange = Arc::new(Exchange::new(
            me.node,
            secrets.clone(),
            settings.topics,
            desk.clone(),
        ));
        let nodes = Arc::new(Nodes::new(me.node, secrets.clone(), settings.connect));

        let mut tasks = JoinSet::new();
        let it = keeper.clone();
        tasks.spawn(async move { it.run().await });
        let it = exchange.clone();
        tasks.spawn(async move { it.follow().await });
        let it = exchange.clone();
        tasks.spawn(async move { it.listen().await });
        let it = nodes.clone();
        tasks.spawn(async move {
            let mut ticks = interval(TIDY);
            loop {
                ticks.tick().await;
                it.tidy();
            }
        });

        let common = Arc::new(Common {
            me,
            directory: settings.directory,
            lease: settings.lease,
            on_outage: settings.on_outage,
            keeper,
            nodes,
            desk,
            exchange,
            is_leaving: AtomicBool::new(false),
        });
        let member = Arc::new(Member {
            common,
            secrets,
            mounts: Mutex::default(),
            newcomers: Arc::default(),
            left: watch::Sender::new(false),
            tasks: Mutex::new(tasks),
        });
        Self { member }
    }

    /// Returns what [`SockJsLayer::peers`] takes.
    ///
    /// All nodes use the same name for the same mount, and different names for different mounts. Each layer
    /// has a name of its own.
    ///
    /// # Panics
    ///
    /// Panics if the name has more than 256 bytes.
    ///
    /// [`SockJsLayer::peers`]: sockjs_axum::SockJsLayer::peers
    pub fn mount(&self, name: &str) -> ClusterMount {
        assert!(
            name.len() <= MAX_MOUNT,
            "the name of a mount has at most 256 bytes"
        );
        let member = &self.member;
        let mut mounts = member.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mount = mounts.get(name).cloned().unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            let digest_secret = member.secrets.digest_secret(&name);
            let mount = Mount::new(name.clone(), digest_secret, member.common.clone());
            let mount = Arc::new(mount);
            mounts.insert(name, mount.clone());
            mount
        });
        ClusterMount {
            mount,
            _member: member.clone(),
        }
    }

    /// Answers what other nodes relay, at the address of [`Builder::advertise`](crate::Builder::advertise). The future ends after
    /// [`leave`](Self::leave).
    ///
    /// Start it before the node serves clients. Other nodes take a node for dead whose address refuses
    /// connections.
    ///
    /// The listener is for nodes only. Requests without their signature are refused. But bodies are not
    /// signed, and nothing is encrypted: listen in a network where strangers can neither read nor change
    /// anything, or use [`serve_connection`](Self::serve_connection) with TLS.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, all connections of other nodes break.
    pub fn serve(&self, listener: TcpListener) -> impl Future<Output = ()> + Send + use<> {
        let (desk, newcomers) = (
            self.member.common.desk.clone(),
            self.member.newcomers.clone(),
        );
        serve(listener, desk, newcomers, self.member.left.subscribe())
    }

    /// Answers what another node relays over one connection, on which HTTP/2 begins at once. This is for
    /// listeners of your own, such as those with TLS.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the connection breaks.
    pub fn serve_connection<I>(&self, io: I) -> impl Future<Output = ()> + Send + use<I>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (desk, newcomers) = (
            self.member.common.desk.clone(),
            self.member.newcomers.clone(),
        );
        serve_connection(io, desk, newcomers, self.member.left.subscribe())
    }

    /// Returns a service that answers what other nodes relay, for an HTTP/2 server of your own.
    ///
    /// Prefer [`serve_connection`](Self::serve_connection), which also does what the service cannot. A
    /// server of your own must
    ///
    /// - take more than 200 streams a connection, hyper's default, because each waiting poll of a client
    ///   is a stream. Other nodes open more connections when one is nearly full.
    /// - have a connection window that is larger than the windows of all streams together, so that
    ///   clients that send nothing more do not stop others.
    /// - ping, and end a connection without an answer, so that a session soon hears that the node of its
    ///   client hangs.
    /// - bound the connections of strangers.
    ///
    /// The body that the service takes must say by `is_end_stream` that it has ended well, as hyper's
    /// does.
    pub fn service(&self) -> RelayService {
        RelayService::new(self.member.common.desk.clone())
    }

    /// Returns whether the store is reached, for a health check.
    ///
    /// A node without the store still serves the sessions that it knows.
    pub fn is_connected(&self) -> bool {
        let common = &self.member.common;
        !common.is_leaving.load(Ordering::Relaxed)
            && common.directory.is_connected()
            && common.exchange.is_connected()
    }

    /// Returns the name of this node: random bits, made by [`Builder::join`](crate::Builder::join).
    pub fn node(&self) -> NodeId {
        self.member.common.me.node
    }

    /// Leaves the cluster, after the mounts were shut down.
    ///
    /// Other nodes are told for at least a second, and for at most ten, how the sessions of this node ended.
    /// Then the entries of sessions that are still open are removed, which takes ten seconds at most, and
    /// [`serve`](Self::serve) ends. The entries of sessions that have ended stay in the store for as long as the
    /// sessions are remembered, so that late requests hear a close frame from the other nodes, and open nothing.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the node may or may not have left. It can be called again.
    pub async fn leave(&self) {
        let common = &self.member.common;
        common.is_leaving.store(true, Ordering::Relaxed);
        // It may be that they are never quiet.
        let _ = timeout(FAREWELL, common.desk.quiet(QUIET)).await;
        let mut tasks = std::mem::take(
            &mut *self
                .member
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        // Until the keeper has stopped, it may still write entries.
        tasks.shutdown().await;
        let _ = timeout(FAREWELL, common.keeper.release_all()).await;
        self.member.left.send_replace(true);
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("addr", &self.member.common.me.addr)
            .finish_non_exhaustive()
    }
}

/// One mount of a node: [`Cluster::mount`].
#[derive(Clone)]
pub struct ClusterMount {
    mount: Arc<Mount>,
    _member: Arc<Member>,
}

impl Peers for ClusterMount {
    fn digest_secret(&self) -> [u8; 16] {
        self.mount.digest_secret()
    }

    fn mounted(&self, mount: PeerMount) {
        self.mount.mounted(mount);
    }

    fn claim(&self, session: SessionKey) -> PeerFuture<'_, Claim> {
        self.mount.claim(session)
    }

    fn opened(&self, session: SessionKey) {
        self.mount.opened(session);
    }

    fn abandoned(&self, session: SessionKey) {
        self.mount.abandoned(session);
    }

    fn ended(&self, session: SessionKey, remembered: Duration) {
        self.mount.ended(session, remembered);
    }

    fn find(&self, session: SessionKey) -> PeerFuture<'_, Found> {
        self.mount.find(session)
    }

    fn publish(&self, publication: Publication) -> PeerFuture<'_, Result<(), NotPublished>> {
        self.mount.publish(publication)
    }

    fn topic_changed(&self, topic: &Arc<str>) {
        self.mount.topic_changed(topic);
    }
}

impl fmt::Debug for ClusterMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.mount, f)
    }
}

/// How long other nodes must be quiet before this one leaves, and how long it waits for that.
const QUIET: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_secs(10);

/// How often connections are looked for that are no longer used.
const TIDY: Duration = Duration::from_secs(20);
