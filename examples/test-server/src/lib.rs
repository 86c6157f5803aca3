//! The standard SockJS test server: the mounts that test suites and clients expect to find.
//!
//! | Mount | Behaviour |
//! |---|---|
//! | `/echo` | sends every message back; a small response limit, so that streams end often |
//! | `/disabled_websocket_echo` | the same without WebSockets |
//! | `/cookie_needed_echo` | the same with the `JSESSIONID` cookie |
//! | `/close` | closes every session at once |
//! | `/ticker` | sends `tick!` every second |
//! | `/broadcast` | sends each message to every session of the mount |
//! | `/amplify` | answers the number n with 2ⁿ characters |
//!
//! `GET /_stats` tells how many sessions the handlers hold, so that a test can see a close arrive, and how
//! many have ended by which cause. `GET /_health` is for load balancers: 200, or 503 once the server drains.
//!
//! As a node of a cluster ([`join`]), each response has the header `x-node` with the name of the node.

mod cluster;
mod handlers;
mod room;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::{Json, Router, routing::get};
use sockjs_axum::{SockJsHandle, SockJsLayer};
use sockjs_cluster::Cluster;
use tokio::task::JoinSet;

pub use crate::cluster::{join, seconds};
use crate::room::Room;
use crate::stats::Stats;

/// The URL of the JavaScript client that the iframe pages name unless told otherwise.
pub const DEFAULT_SOCKJS_URL: &str = "http://localhost:8080/lib/sockjs.js";

/// Returns the routes of a server alone, its iframe pages naming [`DEFAULT_SOCKJS_URL`].
pub fn app() -> Router {
    TestServer::new(DEFAULT_SOCKJS_URL, None).router()
}

/// All mounts, and what ends them.
#[derive(Clone, Debug)]
pub struct TestServer {
    router: Router,
    mounts: Vec<SockJsHandle>,
    is_draining: Arc<AtomicBool>,
}

impl TestServer {
    /// Makes the mounts, as those of a node if there is a cluster. Their iframe pages name `sockjs_url`.
    pub fn new(sockjs_url: &str, cluster: Option<&Cluster>) -> Self {
        let mut stats = Stats::default();
        let layers = layers(&mut stats);

        let is_draining = Arc::new(AtomicBool::new(false));
        let health = {
            let is_draining = is_draining.clone();
            move || async move {
                match is_draining.load(Ordering::Relaxed) {
                    false => (StatusCode::OK, "ok"),
                    true => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
                }
            }
        };
        let mut router = Router::new()
            .route("/_stats", get(move || async move { Json(stats.report()) }))
            .route("/_health", get(health));

        let mut mounts = Vec::new();
        for (prefix, mut layer) in layers {
            if let Some(cluster) = cluster {
                layer = layer.peers(cluster.mount(prefix));
            }
            mounts.push(layer.handle());
            router = router.layer(layer.sockjs_url(sockjs_url));
        }
        if let Some(cluster) = cluster {
            router = name_node(router, cluster);
        }
        Self {
            router,
            mounts,
            is_draining,
        }
    }

    /// Returns the routes.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Leads clients to the other nodes, and waits until no session is left or `grace` is over.
    pub async fn drain(&self, grace: Duration) {
        self.is_draining.store(true, Ordering::Relaxed);
        let mounts = self.mounts.iter().cloned();
        let drains = mounts.map(|mount| async move { mount.drain(grace).await });
        drains.collect::<JoinSet<_>>().join_all().await;
    }

    /// Closes all sessions, and waits until they are over or `deadline` has passed.
    pub async fn shut_down(&self, deadline: Duration) {
        self.is_draining.store(true, Ordering::Relaxed);
        let mounts = self.mounts.iter().cloned();
        let shutdowns = mounts.map(|mount| async move { mount.shutdown(deadline).await });
        shutdowns.collect::<JoinSet<_>>().join_all().await;
    }
}

/// Returns each mount under its prefix, which is also its name in a cluster.
fn layers(stats: &mut Stats) -> [(&'static str, SockJsLayer); 7] {
    let mut mount = |prefix| (SockJsLayer::new(prefix), stats.mount(prefix));

    let (echo, counter) = mount("/echo");
    let echo = echo
        .on_session(handlers::echo)
        .with_state(counter)
        .response_limit(4096);
    let (disabled_websocket_echo, counter) = mount("/disabled_websocket_echo");
    let disabled_websocket_echo = disabled_websocket_echo
        .on_session(handlers::echo)
        .with_state(counter)
        .websocket(false);
    let (cookie_needed_echo, counter) = mount("/cookie_needed_echo");
    let cookie_needed_echo = cookie_needed_echo
        .on_session(handlers::echo)
        .with_state(counter)
        .jsessionid(true);
    let (close, counter) = mount("/close");
    let close = close.on_session(handlers::close).with_state(counter);
    let (ticker, counter) = mount("/ticker");
    let ticker = ticker.on_session(handlers::ticker).with_state(counter);
    let (broadcast, counter) = mount("/broadcast");
    let room = Room::new(broadcast.handle(), counter);
    let broadcast = broadcast.on_session(handlers::broadcast).with_state(room);
    let (amplify, counter) = mount("/amplify");
    let amplify = amplify.on_session(handlers::amplify).with_state(counter);

    [
        ("/echo", echo),
        ("/disabled_websocket_echo", disabled_websocket_echo),
        ("/cookie_needed_echo", cookie_needed_echo),
        ("/close", close),
        ("/ticker", ticker),
        ("/broadcast", broadcast),
        ("/amplify", amplify),
    ]
}

/// Adds the header that shows which node answered.
fn name_node(router: Router, cluster: &Cluster) -> Router {
    let name = format!("{:032x}", u128::from_be_bytes(cluster.node().0));
    let name = HeaderValue::try_from(name).expect("digits are a header value");
    router.layer(map_response(move |mut response: Response| {
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("x-node"), name.clone());
        async move { response }
    }))
}

// These belong to no crate, so their programs are compiled here, where their dependencies are.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrating-from-sockjs-node.md")]
struct Migrating;
