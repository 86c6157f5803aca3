use std::net::SocketAddr;

use axum::{Router, serve::ListenerExt as _};
use sockjs_axum::SockJsLayer;
use sockjs_cluster::{Cluster, Memory};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    connection::Connection,
    limit::{PATIENCE, within},
    nodes::Nodes,
    peer::{Peer, unique_path},
    request::{Request, Via},
    sessions::Sessions,
};

/// A server on a port of its own, as `axum::serve` runs it: HTTP/1 and HTTP/2. It ends when dropped.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves a router.
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let addr = listener.local_addr().expect("the socket is bound");
        let listener = listener.tap_io(|io| {
            // Small chunks must not wait for each other's acknowledgement.
            io.set_nodelay(true).expect("the socket takes options");
        });
        let (stop, stopped) = oneshot::channel();
        let app = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let serve = axum::serve(listener, app).with_graceful_shutdown(async move {
                // A sender that was dropped says the same; the task is aborted then.
                stopped.await.ok();
            });
            serve.await.expect("axum's server does not fail");
        });
        Self {
            addr,
            stop: Some(stop),
            task,
        }
    }

    /// Serves what is not a router, in whatever way `serve` does.
    pub async fn around<F>(serve: impl FnOnce(TcpListener) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let addr = listener.local_addr().expect("the socket is bound");
        Self {
            addr,
            stop: None,
            task: tokio::spawn(serve(listener)),
        }
    }

    /// Serves one layer whose sessions echo, mounted at `/echo`, with no delay that ends a session
    /// unless `configure` sets one.
    ///
    /// With the environment variable `SOCKJS_NODES`, there are as many nodes, and each request goes to the
    /// next one. So the tests of one node can be run against several.
    pub async fn echo(configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone) -> Self {
        Self::start(mounted(patient, configure).await).await
    }

    /// Serves the same layer, but hands its sessions to the test.
    pub async fn capture(
        configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
    ) -> (Self, Sessions) {
        let (capture, sessions) = Sessions::channel();
        let layer = |prefix: &str| capture.clone().apply(patient(prefix));
        (Self::start(mounted(layer, configure).await).await, sessions)
    }

    /// Serves the layer of [`echo`](Self::echo) on one node in any case, for what each node counts by itself.
    pub async fn echo_alone(configure: impl FnOnce(SockJsLayer) -> SockJsLayer) -> Self {
        Self::start(Router::new().layer(configure(patient("/echo")))).await
    }

    /// Serves the layer of [`capture`](Self::capture) on one node in any case.
    pub async fn capture_alone(
        configure: impl FnOnce(SockJsLayer) -> SockJsLayer,
    ) -> (Self, Sessions) {
        let (layer, sessions) = Sessions::capture(patient("/echo"));
        (
            Self::start(Router::new().layer(configure(layer))).await,
            sessions,
        )
    }

    /// Returns where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.addr).await
    }

    /// Prepares a request on a connection of its own.
    pub fn request(&self, method: &str, path: &str) -> Request<'static> {
        Request::new(Via::Fresh(self.addr), method, path)
    }

    /// Prepares a `GET` request on a connection of its own.
    pub fn get(&self, path: &str) -> Request<'static> {
        self.request("GET", path)
    }

    /// Prepares a `POST` request on a connection of its own.
    pub fn post(&self, path: &str) -> Request<'static> {
        self.request("POST", path)
    }

    /// Returns the client of a session under `/echo` that no other test uses.
    pub fn peer(&self) -> Peer {
        self.peer_at(unique_path("/echo"))
    }

    /// Returns the client of the session at a path, `/echo/000/abc`.
    pub fn peer_at(&self, path: impl Into<String>) -> Peer {
        Peer::new(self.addr, path)
    }

    /// Shuts the server down as axum does, and waits until every connection is over.
    pub async fn shut_down(mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("the server runs");
        }
        within("the end of the server", &mut self.task)
            .await
            .expect("the server does not panic");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A router with a mount at `/echo`, or several nodes of a cluster with such routers.
async fn mounted(
    layer: impl Fn(&str) -> SockJsLayer,
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> Router {
    let mount = |layer| Router::new().layer(configure.clone()(layer));
    let Ok(count) = std::env::var("SOCKJS_NODES") else {
        return mount(layer("/echo"));
    };
    let store = Memory::new();
    let mut routers = Vec::new();
    for _ in 0..count.parse().expect("SOCKJS_NODES is a number") {
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = listener.await.expect("a port is free");
        let addr = listener.local_addr().expect("the socket is bound");
        let cluster = Cluster::builder([7; 32]).advertise(addr);
        let cluster = cluster
            .join(store.clone())
            .await
            .expect("the settings are good");
        tokio::spawn(cluster.serve(listener));
        routers.push(mount(layer("/echo").peers(cluster.mount("echo"))));
    }
    Nodes::round_robin(routers)
}

/// A layer whose sessions end only when a test ends them.
pub(crate) fn patient(prefix: &str) -> SockJsLayer {
    SockJsLayer::new(prefix)
        .disconnect_delay(PATIENCE)
        .heartbeat_delay(PATIENCE)
        .send_timeout(PATIENCE)
}
