//! Nodes of a cluster, and clients of theirs.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use sockjs_axum::peers::SessionKey;
use sockjs_axum::{Session, SockJsHandle, SockJsLayer};
use sockjs_cluster::{
    Builder, Claimed, Cluster, Directory, Entry, Memory, Renewal, Store, StoreFuture, Topics,
    Unavailable,
};
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::network::Network;

pub(crate) const SECRET: &str = "0123456789abcdef";

/// A network and a store. Nodes join it.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) network: Network,
    pub(crate) store: Memory,
}

/// A node, with the mount `/chat`.
pub(crate) struct Node {
    pub(crate) addr: SocketAddr,
    pub(crate) cluster: Cluster,
    pub(crate) handle: SockJsHandle,
    /// What the node has published: channels and messages.
    pub(crate) tap: Tap,
    /// The channels that the node is subscribed to.
    pub(crate) subscribed: Channels,
    /// The sessions that the node has claimed or looked for.
    pub(crate) asked: Asked,
    /// Is called at the next renewal, in the keeper's task.
    pub(crate) at_renewal: Hook,
    /// Whether the node reaches the directory.
    tether: Arc<AtomicBool>,
    router: Router,
    sessions: mpsc::UnboundedReceiver<Session>,
}

/// The response to a client.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    body: Body,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            network: Network::default(),
            store: Memory::new(),
        }
    }

    /// Starts two nodes, and lets the store settle.
    pub(crate) async fn two() -> (Self, Node, Node) {
        let bench = Self::new();
        let (a, b) = (bench.node(1).await, bench.node(2).await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        (bench, a, b)
    }

    pub(crate) async fn node(&self, port: u16) -> Node {
        self.node_with(port, |builder| builder, |layer| layer).await
    }

    pub(crate) async fn node_with(
        &self,
        port: u16,
        options: impl FnOnce(Builder) -> Builder,
        layer: impl FnOnce(SockJsLayer) -> SockJsLayer,
    ) -> Node {
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let builder = Cluster::builder(SECRET);
        let tether = Arc::new(AtomicBool::new(true));
        let tap = Tap::default();
        let subscribed = Channels::default();
        let asked = Asked::default();
        let at_renewal = Hook::default();
        let store = Tethered {
            store: self.store.clone(),
            tether: tether.clone(),
            tap: tap.clone(),
            subscribed: subscribed.clone(),
            asked: asked.clone(),
            at_renewal: at_renewal.clone(),
        };
        let cluster = options(builder)
            .advertise(addr)
            .connect_with(self.network.connect_from(addr))
            .join(store)
            .await
            .unwrap();
        self.network.add(addr, &cluster);
        let (sender, sessions) = mpsc::unbounded_channel();
        let layer = layer(SockJsLayer::new("/chat"))
            .peers(cluster.mount("chat"))
            .on_session(move |session: Session| {
                let _ = sender.send(session);
                async {}
            });
        Node {
            addr,
            handle: layer.handle(),
            router: Router::new().layer(layer),
            cluster,
            tap,
            subscribed,
            asked,
            at_renewal,
            tether,
            sessions,
        }
    }
}

impl Node {
    /// Makes a request. Receive requests take no body.
    pub(crate) fn request<B: Into<Body>>(
        &self,
        session: &str,
        action: &str,
        body: B,
    ) -> impl Future<Output = Reply> + Send + use<B> {
        let path = action.split('?').next().unwrap_or_default();
        let is_post = path.starts_with("xhr") || path == "jsonp_send";
        let mut request = Request::builder()
            .method(if is_post { "POST" } else { "GET" })
            .uri(format!("/chat/000/{session}/{action}"));
        if path == "jsonp_send" {
            request = request.header("content-type", "text/plain");
        }
        if let Some((_, len)) = action.split_once("?len=") {
            request = request.header("content-length", len);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request);
        async move {
            let response = response.await.unwrap();
            let content_type = response.headers().get("content-type");
            let content_type = content_type.map_or("", |it| it.to_str().unwrap());
            Reply {
                status: response.status(),
                content_type: content_type.to_owned(),
                body: response.into_body(),
            }
        }
    }

    pub(crate) async fn receive(&self, session: &str, action: &str) -> Reply {
        self.request(session, action, Body::empty()).await
    }

    /// Polls once, and takes the whole response.
    pub(crate) async fn poll(&self, session: &str) -> String {
        self.receive(session, "xhr").await.text().await
    }

    pub(crate) async fn send(&self, session: &str, payload: &str) -> StatusCode {
        let body = Body::from(payload.to_owned());
        self.request(session, "xhr_send", body).await.status
    }

    /// Opens a session of this node by a poll.
    pub(crate) async fn open(&mut self, session: &str) -> Session {
        assert_eq!(self.poll(session).await, "o\n");
        self.session().await
    }

    /// Returns the next session that was opened.
    pub(crate) async fn session(&mut self) -> Session {
        self.sessions.recv().await.unwrap()
    }

    pub(crate) fn has_opened(&mut self) -> bool {
        self.sessions.try_recv().is_ok()
    }

    pub(crate) fn set_tether(&self, is_there: bool) {
        self.tether.store(is_there, Ordering::Relaxed);
    }
}

impl Reply {
    /// Returns the next part of the body; nothing at its end, and an error if it breaks.
    pub(crate) async fn next(&mut self) -> Option<Result<String, String>> {
        let frame = self.body.frame().await?;
        Some(match frame {
            Ok(frame) => Ok(String::from_utf8(frame.into_data().unwrap().into()).unwrap()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Reads until the text that was read ends with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            match self.next().await {
                Some(part) => text.push_str(&part.unwrap()),
                None => panic!("{text:?} does not end with {end:?}"),
            }
        }
        text
    }

    /// Returns the rest of the body.
    pub(crate) async fn text(mut self) -> String {
        let mut text = String::new();
        while let Some(part) = self.next().await {
            text.push_str(&part.unwrap());
        }
        text
    }
}

/// A store that a single node may lose.
struct Tethered<S> {
    store: S,
    tether: Arc<AtomicBool>,
    tap: Tap,
    subscribed: Channels,
    asked: Asked,
    at_renewal: Hook,
}

/// A function that a node calls when it begins to renew its leases. The node drops the sender, which the
/// function returns, when the renewal is over.
pub(crate) type Hook = Arc<Mutex<Option<Box<dyn FnOnce() -> mpsc::UnboundedSender<()> + Send>>>>;

/// Keys of sessions.
pub(crate) type Asked = Arc<Mutex<Vec<SessionKey>>>;

/// Channels and messages.
pub(crate) type Tap = Arc<Mutex<Vec<(Vec<u8>, Bytes)>>>;

pub(crate) type Channels = Arc<Mutex<HashSet<Vec<u8>>>>;

#[derive(Debug)]
struct Tapped {
    topics: Arc<dyn Topics>,
    tap: Tap,
    subscribed: Channels,
}

struct TetheredDirectory {
    directory: Arc<dyn Directory>,
    tether: Arc<AtomicBool>,
    asked: Asked,
    at_renewal: Hook,
}

impl<S> fmt::Debug for Tethered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tethered")
    }
}

impl<S: Store> Store for Tethered<S> {
    fn join(&self, namespace: &str) -> (Arc<dyn Directory>, Arc<dyn Topics>) {
        let (directory, topics) = self.store.join(namespace);
        let directory = TetheredDirectory {
            directory,
            tether: self.tether.clone(),
            asked: self.asked.clone(),
            at_renewal: self.at_renewal.clone(),
        };
        let topics = Tapped {
            topics,
            tap: self.tap.clone(),
            subscribed: self.subscribed.clone(),
        };
        (Arc::new(directory), Arc::new(topics))
    }
}

impl Topics for Tapped {
    fn publish(&self, channel: &[u8], message: Bytes) -> StoreFuture<'_, ()> {
        let heard = (channel.to_vec(), message.clone());
        self.tap.lock().unwrap().push(heard);
        self.topics.publish(channel, message)
    }

    fn subscribe(&self, channel: &[u8]) {
        self.subscribed.lock().unwrap().insert(channel.to_vec());
        self.topics.subscribe(channel);
    }

    fn unsubscribe(&self, channel: &[u8]) {
        self.subscribed.lock().unwrap().remove(channel);
        self.topics.unsubscribe(channel);
    }

    fn recv(&self) -> StoreFuture<'_, (Bytes, Bytes)> {
        self.topics.recv()
    }

    fn is_connected(&self) -> bool {
        self.topics.is_connected()
    }
}

impl fmt::Debug for TetheredDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TetheredDirectory")
    }
}

impl TetheredDirectory {
    fn tethered<'a, T: Send + 'a>(&self, call: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        let tether = self.tether.clone();
        Box::pin(async move {
            if !tether.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(3)).await;
                return Err(Unavailable);
            }
            call.await
        })
    }
}

impl Directory for TetheredDirectory {
    fn claim<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed> {
        self.asked.lock().unwrap().push(session);
        self.tethered(self.directory.claim(session, owner, lease))
    }

    fn find(&self, session: SessionKey) -> StoreFuture<'_, Option<Entry>> {
        self.asked.lock().unwrap().push(session);
        self.tethered(self.directory.find(session))
    }

    fn renew<'a>(
        &'a self,
        sessions: &'a [SessionKey],
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Vec<Renewal>> {
        let renewing = self.directory.renew(sessions, owner, lease);
        self.tethered(Box::pin(async move {
            let hook = self.at_renewal.lock().unwrap().take();
            let _renewing = hook.map(|hook| hook());
            renewing.await
        }))
    }

    fn release<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        remembered: Duration,
    ) -> StoreFuture<'a, ()> {
        self.tethered(self.directory.release(session, owner, remembered))
    }

    fn emptied(&self, seen: u64) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        self.directory.emptied(seen)
    }

    fn is_connected(&self) -> bool {
        self.tether.load(Ordering::Relaxed) && self.directory.is_connected()
    }
}
