use std::{
    collections::HashMap,
    error::Error,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use sockjs_axum::{
    SockJsLayer,
    peers::{
        Claim, Found, NotPublished, Peer, PeerBody, PeerError, PeerFuture, PeerMount, Peers,
        Publication, RelayRequest, SessionKey,
    },
};
use tokio::sync::watch;

/// The nodes of a cluster in one process, without a network: a directory in a map, and relays that are
/// calls. A test can take the directory away, and cut nodes off.
#[derive(Clone, Debug, Default)]
pub struct Nodes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    table: Mutex<Table>,
    cut: watch::Sender<Vec<usize>>,
    holds: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Table {
    mounts: Vec<Option<PeerMount>>,
    owners: HashMap<SessionKey, Entry>,
    is_away: bool,
    hangs: bool,
    changed: Vec<String>,
    claims: Vec<Call>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    node: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Claimed(usize),
    Open,
    Ended,
}

/// What a mount said of a claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    /// It asks for a claim.
    Claim,
    /// It keeps the claim.
    Opened,
    /// It gives the claim up.
    Abandoned,
    /// It lets the claim end after that time.
    Ended(Duration),
}

impl Nodes {
    /// Makes a layer one of the nodes. Nodes are counted from 0.
    pub fn join(&self, layer: SockJsLayer) -> SockJsLayer {
        let mut table = self.table();
        table.mounts.push(None);
        let node = table.mounts.len() - 1;
        drop(table);
        layer.peers(Node {
            nodes: self.clone(),
            node,
        })
    }

    /// Returns a router that passes each request on to the next of several routers.
    pub fn round_robin(routers: Vec<Router>) -> Router {
        let next = Arc::new(Mutex::new(0));
        Router::new().fallback(move |request: axum::extract::Request| {
            let router = {
                let mut next = next.lock().expect("no test panics under the lock");
                *next += 1;
                routers[*next % routers.len()].clone()
            };
            async move { tower::ServiceExt::oneshot(router, request).await }
        })
    }

    /// Takes the directory away, or gives it back.
    pub fn set_away(&self, is_away: bool) {
        self.table().is_away = is_away;
    }

    /// Has claims from now on never be answered.
    pub fn hang(&self) {
        self.table().hangs = true;
    }

    /// Cuts a node off from all others: what it relays breaks, and what is relayed to it.
    pub fn cut(&self, node: usize) {
        self.0.cut.send_modify(|cut| cut.push(node));
    }

    /// Holds back the news that clients have what was relayed to them.
    pub fn hold_confirmations(&self, holds: bool) {
        self.0.holds.send_replace(holds);
    }

    /// Has the directory lead to another node for the sessions of a node.
    pub fn move_sessions(&self, from: usize, to: usize) {
        for entry in self.table().owners.values_mut() {
            if entry.node == from {
                entry.node = to;
            }
        }
    }

    /// Tells a node that another one owns its sessions now, as after a directory that lost its data.
    pub fn lose_claims(&self, node: usize) {
        let table = self.table();
        let mount = table.mounts[node].clone().expect("the node is mounted");
        let owned = table.owners.iter().filter(|(_, entry)| entry.node == node);
        let sessions: Vec<_> = owned.map(|(session, _)| *session).collect();
        drop(table);
        for session in sessions {
            mount.lose(session);
        }
    }

    /// Takes what mounts have said of claims.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.table().claims)
    }

    /// Takes the topics that got their first member, or lost their last one, on any node.
    pub fn take_changed(&self) -> Vec<String> {
        std::mem::take(&mut self.table().changed)
    }

    /// Returns whether sessions of a node are in a topic.
    pub fn has_members(&self, node: usize, topic: &str) -> bool {
        let mount = self.table().mounts[node].clone();
        mount.is_some_and(|mount| mount.has_members(topic))
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.table.lock().expect("no test panics under the lock")
    }
}

#[derive(Debug)]
struct Node {
    nodes: Nodes,
    node: usize,
}

impl Node {
    fn peer(&self, owner: usize) -> Arc<dyn Peer> {
        Arc::new(Link {
            nodes: self.nodes.clone(),
            from: self.node,
            to: owner,
        })
    }
}

impl Peers for Node {
    fn digest_secret(&self) -> [u8; 16] {
        [7; 16]
    }

    fn mounted(&self, mount: PeerMount) {
        self.nodes.table().mounts[self.node] = Some(mount);
    }

    fn claim(&self, session: SessionKey) -> PeerFuture<'_, Claim> {
        if self.nodes.table().hangs {
            self.nodes.table().claims.push(Call::Claim);
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            let mut table = self.nodes.table();
            if table.is_away {
                return Claim::Unavailable;
            }
            table.claims.push(Call::Claim);
            let entry = table.owners.entry(session).or_insert(Entry {
                node: self.node,
                state: State::Claimed(0),
            });
            match (entry.node == self.node, &mut entry.state) {
                (true, State::Claimed(requests)) => *requests += 1,
                (true, State::Open) => {}
                (true, State::Ended) => return Claim::Lost,
                (false, _) => return Claim::Peer(self.peer(entry.node)),
            }
            Claim::Ours
        })
    }

    fn opened(&self, session: SessionKey) {
        let mut table = self.nodes.table();
        table.claims.push(Call::Opened);
        table.owners.insert(
            session,
            Entry {
                node: self.node,
                state: State::Open,
            },
        );
    }

    fn abandoned(&self, session: SessionKey) {
        let mut table = self.nodes.table();
        table.claims.push(Call::Abandoned);
        let Some(entry) = table.owners.get_mut(&session) else {
            return;
        };
        if let State::Claimed(requests) = &mut entry.state {
            *requests -= 1;
            if *requests == 0 {
                table.owners.remove(&session);
            }
        }
    }

    fn ended(&self, session: SessionKey, remembered: Duration) {
        let mut table = self.nodes.table();
        table.claims.push(Call::Ended(remembered));
        if let Some(entry) = table.owners.get_mut(&session) {
            entry.state = State::Ended;
        }
    }

    fn find(&self, session: SessionKey) -> PeerFuture<'_, Found> {
        Box::pin(async move {
            let table = self.nodes.table();
            if table.is_away {
                return Found::Unavailable;
            }
            match table.owners.get(&session) {
                Some(entry) if entry.node != self.node => Found::Peer(self.peer(entry.node)),
                _ => Found::Nobody,
            }
        })
    }

    fn publish(&self, publication: Publication) -> PeerFuture<'_, Result<(), NotPublished>> {
        Box::pin(async move {
            let table = self.nodes.table();
            if table.is_away {
                return Err(NotPublished::new());
            }
            let mounts = table.mounts.clone();
            drop(table);
            for (node, mount) in mounts.into_iter().enumerate() {
                if let (true, Some(mount)) = (node != self.node, mount) {
                    mount.deliver(&publication);
                }
            }
            Ok(())
        })
    }

    fn topic_changed(&self, topic: &Arc<str>) {
        self.nodes.table().changed.push(topic.to_string());
    }
}

/// The way from one node to another.
struct Link {
    nodes: Nodes,
    from: usize,
    to: usize,
}

impl Link {
    /// Ends when one of the two nodes is cut off.
    fn cut(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut cut = self.nodes.0.cut.subscribe();
        let nodes = [self.from, self.to];
        Box::pin(async move {
            let is_cut = |cut: &Vec<usize>| nodes.iter().any(|node| cut.contains(node));
            // The sender lives as long as the nodes.
            let _ = cut.wait_for(is_cut).await;
        })
    }
}

impl Peer for Link {
    fn relay(
        &self,
        request: RelayRequest,
    ) -> PeerFuture<'_, Result<Response<PeerBody>, PeerError>> {
        Box::pin(async move {
            let mount = self.nodes.table().mounts[self.to].clone();
            let mount = mount.ok_or(PeerError::Lost)?;
            let body = request.body;
            let mut holds = self.nodes.0.holds.subscribe();
            let mut body = Breakable::new(body, self.cut());
            body.end = Box::pin(async move {
                // The sender lives as long as the nodes.
                let _ = holds.wait_for(|holds| !holds).await;
            });
            let body: PeerBody = Box::pin(body);
            // A task of its own, as on another node. It ends when this node gives the request up.
            let (asked, gone) = tokio::sync::oneshot::channel::<()>();
            let head = request.head;
            let answer = tokio::spawn(async move {
                tokio::select! {
                    response = mount.answer(head, body) => Some(response),
                    _ = gone => None,
                }
            });
            let response = tokio::select! {
                // The owner answers when it sees the cut, but nothing passes a link that is cut.
                biased;
                () = self.cut() => return Err(PeerError::Unreachable),
                response = answer => response.ok().flatten().ok_or(PeerError::Lost)?,
            };
            drop(asked);
            let cut = self.cut();
            let (head, body) = response.into_parts();
            let declared = head.headers.get(CONTENT_LENGTH).is_some();
            assert_eq!(declared, body.size_hint().exact().is_some());
            Ok(Response::from_parts(
                head,
                Box::pin(Breakable::new(body, cut)) as PeerBody,
            ))
        })
    }
}

/// A body that breaks off when a node is cut off.
struct Breakable {
    /// `None` when it is broken, as HTTP drops it then.
    body: Option<PeerBody>,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What its end waits for.
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Breakable {
    fn new<B>(body: B, cut: Pin<Box<dyn Future<Output = ()> + Send>>) -> Self
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self {
            body: Some(Box::pin(http_body_util::BodyExt::map_err(body, Into::into))),
            cut,
            end: Box::pin(std::future::ready(())),
        }
    }
}

impl Body for Breakable {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            self.body = None;
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(Some(Err("the node is cut off".into())));
        };
        let frame = ready!(body.as_mut().poll_frame(cx));
        if frame.is_none() {
            self.end = match self.end.as_mut().poll(cx) {
                Poll::Ready(()) => Box::pin(std::future::ready(())),
                Poll::Pending => return Poll::Pending,
            };
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(SizeHint::default, |body| body.size_hint())
    }
}
