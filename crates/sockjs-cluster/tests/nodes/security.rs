//! Strangers, and nodes with other secrets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockjs_axum::SlowPolicy;
use sockjs_cluster::{BoxedIo, Builder, Cluster};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};

use crate::bench::{Bench, Node, SECRET};

const NEW: &str = "fedcba9876543210";

impl Bench {
    async fn stranger(&self, node: &Node) -> BoxedIo {
        let addr = SocketAddr::from(([127, 0, 0, 1], 9));
        self.network.connect(addr, node.addr).await.unwrap()
    }
}

/// Reads until the connection is closed.
async fn closed(mut io: BoxedIo) {
    let mut buffer = Vec::new();
    let _ = io.read_to_end(&mut buffer).await;
}

#[tokio::test(start_paused = true)]
async fn unsigned_request_is_refused_and_its_connection_closed() {
    let (bench, a, _b) = Bench::two().await;
    for (method, path) in [
        ("POST", "/sockjs-cluster/1/chat/xhr"),
        ("GET", "/"),
        ("POST", "/chat/000/s/xhr"),
    ] {
        let io = TokioIo::new(bench.stranger(&a).await);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("http://node{path}"))
            .body(Body::empty())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers().len(), 0);
        let ended = timeout(Duration::from_secs(3), connection).await;
        assert!(ended.is_ok(), "the connection is still open");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_connection_is_closed() {
    let (bench, a, _b) = Bench::two().await;
    let start = Instant::now();
    closed(bench.stranger(&a).await).await;
    assert!(start.elapsed() < Duration::from_secs(8));
}

/// Limit: connections whose other end has not shown the secret.
#[tokio::test(start_paused = true)]
async fn strangers_do_not_keep_nodes_out() {
    let (bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    let oldest = bench.stranger(&a).await;
    let mut others = Vec::new();
    for _ in 0..63 {
        others.push(bench.stranger(&a).await);
    }
    // The node is one too many.
    assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(session.recv().await.unwrap(), "x");
    let start = Instant::now();
    closed(oldest).await;
    assert!(start.elapsed() < Duration::from_millis(100));
    // One that has shown its secret is not pushed out.
    for _ in 0..200 {
        others.push(bench.stranger(&a).await);
    }
    assert_eq!(b.send("s", "[\"y\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(bench.network.connections_from(b.addr), 1);
}

fn builder(secret: &str) -> Builder {
    Cluster::builder(secret)
}

#[tokio::test(start_paused = true)]
async fn node_with_another_secret_gets_nothing() {
    let (bench, mut a, _b) = Bench::two().await;
    let session = a.open("s").await;
    session.send("secret").await.unwrap();
    // It has the keys of sessions, but not the secret for requests.
    let mut c = bench
        .node_with(3, |_| builder(NEW).key_secret(SECRET), |layer| layer)
        .await;
    assert!(c.poll("s").await.starts_with("c[1001,"));
    assert_eq!(
        c.send("s", "[\"x\"]").await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert!(!c.has_opened());
    // Nor does anybody take it for a node.
    let _other = c.open("t").await;
    assert!(a.poll("t").await.starts_with("c[1001,"));
    c.handle.broadcast("forged", SlowPolicy::Skip).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(a.poll("s").await, "a[\"secret\"]\n");
}

/// Each step of the rotation works beside the one before.
#[tokio::test(start_paused = true)]
async fn secret_can_be_changed_while_nodes_run() {
    let steps: [fn() -> Builder; 4] = [
        || builder(SECRET),
        || builder(SECRET).accept(NEW),
        || builder(NEW).accept(SECRET).key_secret(SECRET),
        || builder(NEW).key_secret(SECRET),
    ];
    for pair in steps.windows(2) {
        let bench = Bench::new();
        let mut a = bench.node_with(1, |_| pair[0](), |layer| layer).await;
        let mut b = bench.node_with(2, |_| pair[1](), |layer| layer).await;
        for (owner, relay, id) in [(&mut a, &b, "a")] {
            exchange(owner, relay, id).await;
        }
        exchange(&mut b, &a, "b").await;
    }
}

async fn exchange(owner: &mut Node, relay: &Node, id: &str) {
    let mut session = owner.open(id).await;
    assert_eq!(relay.send(id, "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(session.recv().await.unwrap(), "x");
    relay.handle.broadcast("y", SlowPolicy::Skip).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(relay.poll(id).await, "a[\"y\"]\n");
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn clusters_with_other_names_see_nothing_of_each_other() {
    let (bench, mut a, _b) = Bench::two().await;
    let mut c = bench
        .node_with(3, |builder| builder.namespace("other"), |layer| layer)
        .await;
    sleep(Duration::from_secs(2)).await;
    let _a = a.open("s").await;
    let _c = c.open("s").await;
    c.handle.broadcast("x", SlowPolicy::Skip).await;
    sleep(Duration::from_millis(100)).await;
    let silent = timeout(Duration::from_secs(3), a.poll("s")).await;
    assert!(silent.is_err(), "{silent:?}");
}
