//! One mount of the node, as its `sockjs_axum` sees it.

mod routes;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Response;
use sockjs_axum::peers::{
    Claim, Found, NotPublished, Peer, PeerBody, PeerError, PeerFuture, PeerMount, Publication,
    RelayRequest, SessionKey,
};
use tokio::time::timeout;
use tracing::Instrument;

use self::routes::Routes;
use crate::lease::{Keeper, Leases, Step};
use crate::meter;
use crate::outage::OnOutage;
use crate::relay::{Desk, Node, Nodes};
use crate::store::{Claimed, Directory, Entry, SETTLING};
use crate::topics::Exchange;

/// What the mounts of a node share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) me: Entry,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) lease: Duration,
    pub(crate) on_outage: OnOutage,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) is_leaving: AtomicBool,
}

/// One mount of the node. Its methods are those of [`Peers`](sockjs_axum::peers::Peers).
pub(crate) struct Mount {
    name: Arc<str>,
    digest_secret: [u8; 16],
    leases: Arc<Leases>,
    routes: Arc<Routes>,
    common: Arc<Common>,
}

impl Mount {
    pub(crate) fn new(name: Arc<str>, digest_secret: [u8; 16], common: Arc<Common>) -> Self {
        let leases = Arc::<Leases>::default();
        common.keeper.add(name.clone(), leases.clone());
        Self {
            name,
            digest_secret,
            leases,
            routes: Arc::new(Routes::new()),
            common,
        }
    }

    pub(crate) fn digest_secret(&self) -> [u8; 16] {
        self.digest_secret
    }

    pub(crate) fn mounted(&self, mount: PeerMount) {
        self.common.desk.mounted(self.name.clone(), mount);
        self.common.exchange.mounted(self.name.clone());
    }

    pub(crate) fn claim(&self, session: SessionKey) -> PeerFuture<'_, Claim> {
        if let Some(peer) = self.known(&session) {
            meter::claimed(&self.name, "known");
            return Box::pin(async { Claim::Peer(peer) });
        }
        // At once, because `abandoned` is called even if the future is never polled.
        self.leases.add_claim(session);
        let span = tracing::debug_span!("claim", mount = &*self.name);
        let claimed = async move {
            let claim = self.ask(session).await;
            let outcome = match &claim {
                Claim::Ours => "ours",
                Claim::Peer(_) => "peer",
                Claim::Lost => "lost",
                _ => "unavailable",
            };
            meter::claimed(&self.name, outcome);
            tracing::trace!(outcome, "session claimed");
            claim
        };
        Box::pin(claimed.instrument(span))
    }

    pub(crate) fn opened(&self, session: SessionKey) {
        if !self.leases.opened(session) {
            self.common.keeper.enter_soon();
        }
    }

    pub(crate) fn abandoned(&self, session: SessionKey) {
        if self.leases.drop_claim(session) {
            self.common.keeper.wake();
        }
    }

    pub(crate) fn ended(&self, session: SessionKey, remembered: Duration) {
        if self.leases.ended(session, remembered) {
            self.common.keeper.wake();
        }
    }

    pub(crate) fn find(&self, session: SessionKey) -> PeerFuture<'_, Found> {
        if let Some(peer) = self.known(&session) {
            return Box::pin(async { Found::Peer(peer) });
        }
        Box::pin(self.look_up(session))
    }

    pub(crate) fn publish(
        &self,
        publication: Publication,
    ) -> PeerFuture<'_, Result<(), NotPublished>> {
        self.common.exchange.publish(&self.name, publication)
    }

    pub(crate) fn topic_changed(&self, topic: &Arc<str>) {
        self.common
            .exchange
            .changed(self.name.clone(), topic.clone());
    }

    /// Claims a session that was counted by [`Leases::add_claim`].
    async fn ask(&self, session: SessionKey) -> Claim {
        let claim = match timeout(PATIENCE, self.try_claim(session)).await {
            Ok(claim) => claim,
            Err(_) => Claim::Unavailable,
        };
        let claim = match (claim, self.common.on_outage) {
            // The keeper enters it when the store is back.
            (Claim::Unavailable, OnOutage::ServeLocally) if !self.is_leaving() => Claim::Ours,
            (claim, _) => claim,
        };
        if !matches!(claim, Claim::Ours) && self.leases.drop_claim(session) {
            self.common.keeper.wake();
        }
        claim
    }

    async fn try_claim(&self, session: SessionKey) -> Claim {
        loop {
            if self.is_leaving() {
                return Claim::Unavailable;
            }
            match self.leases.next(&session) {
                Step::Ours => return Claim::Ours,
                Step::Lost => return Claim::Lost,
                Step::Wait => self.leases.wait(&session).await,
                Step::Ask => break,
            }
        }
        let common = &self.common;
        let claimed = common.directory.claim(session, &common.me, common.lease);
        match claimed.await {
            Ok(Claimed::New) => {
                self.leases.entered(&session, true);
                Claim::Ours
            }
            Ok(Claimed::Taken(entry)) if entry.node == common.me.node => {
                if self.leases.entered(&session, false) {
                    Claim::Ours
                } else {
                    Claim::Lost
                }
            }
            Ok(Claimed::Taken(entry)) => {
                self.leases.is_of_another(&session);
                match self.route(session, entry) {
                    Some(peer) => Claim::Peer(peer),
                    None => Claim::Lost,
                }
            }
            Err(_) => Claim::Unavailable,
        }
    }

    async fn look_up(&self, session: SessionKey) -> Found {
        let found = timeout(PATIENCE, self.common.directory.find(session));
        match found.await {
            Ok(Ok(Some(entry))) if entry.node != self.common.me.node => {
                match self.route(session, entry) {
                    Some(peer) => Found::Peer(peer),
                    None => Found::Nobody,
                }
            }
            Ok(Ok(_)) => Found::Nobody,
            Ok(Err(_)) | Err(_) => Found::Unavailable,
        }
    }

    /// Returns the node of an entry, unless it is gone.
    fn route(&self, session: SessionKey, entry: Entry) -> Option<Arc<dyn Peer>> {
        let node = self.common.nodes.get(entry);
        if node.is_gone() {
            return None;
        }
        self.routes.insert(session, node.clone());
        Some(self.peer(node))
    }

    fn known(&self, session: &SessionKey) -> Option<Arc<dyn Peer>> {
        let node = self.routes.get(session)?;
        Some(self.peer(node))
    }

    fn peer(&self, node: Arc<Node>) -> Arc<dyn Peer> {
        Arc::new(Remote {
            node,
            mount: self.name.clone(),
            routes: self.routes.clone(),
            nodes: self.common.nodes.clone(),
        })
    }

    fn is_leaving(&self) -> bool {
        self.common.is_leaving.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The node that owns a session.
struct Remote {
    node: Arc<Node>,
    mount: Arc<str>,
    routes: Arc<Routes>,
    nodes: Arc<Nodes>,
}

impl Peer for Remote {
    fn relay(
        &self,
        request: RelayRequest,
    ) -> PeerFuture<'_, Result<Response<PeerBody>, PeerError>> {
        Box::pin(async move {
            let session = request.head.session;
            let answered = self.nodes.relay(&self.node, &self.mount, request).await;
            if let Err(PeerError::Lost) = answered {
                // The entry may be over by now.
                self.routes.remove(&session);
            }
            answered
        })
    }
}

/// How long a claim or a look-up may take. The store itself gives up after 3 s, and after [`SETTLING`]
/// more if it was found empty.
const PATIENCE: Duration = Duration::from_millis(3_500).saturating_add(SETTLING);
