//! Two nodes over real sockets.

#![expect(clippy::unwrap_used, reason = "every line of these files is a test's")]

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use sockjs_axum::{Session, SockJsLayer};
use sockjs_cluster::{Cluster, Memory};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

const SECRET: &str = "0123456789abcdef";

struct Node {
    cluster: Cluster,
    router: Router,
    sessions: mpsc::UnboundedReceiver<Session>,
    serving: JoinHandle<()>,
}

/// How a node answers the others.
enum By {
    Serve,
    Service,
}

impl Node {
    async fn start(store: &Memory, by: By) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let cluster = Cluster::builder(SECRET)
            .advertise(listener.local_addr()?)
            .join(store.clone())
            .await
            .map_err(io::Error::other)?;
        let serving = match by {
            By::Serve => tokio::spawn(cluster.serve(listener)),
            By::Service => tokio::spawn(serve(listener, cluster.clone())),
        };
        let (sender, sessions) = mpsc::unbounded_channel();
        let layer = SockJsLayer::new("/chat")
            .peers(cluster.mount("chat"))
            .on_session(move |session: Session| {
                let _ = sender.send(session);
                async {}
            });
        Ok(Self {
            router: Router::new().layer(layer),
            cluster,
            sessions,
            serving,
        })
    }

    async fn post(&self, action: &str, body: &str) -> (StatusCode, String) {
        let request = Request::post(format!("/chat/000/{action}"));
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.into()).unwrap())
    }

    async fn open(&mut self, id: &str) -> Session {
        assert_eq!(self.post(&format!("{id}/xhr"), "").await.1, "o\n");
        self.sessions.recv().await.unwrap()
    }
}

/// A server of the user's own.
async fn serve(listener: TcpListener, cluster: Cluster) {
    while let Ok((io, _)) = listener.accept().await {
        let service = TowerToHyperService::new(cluster.service());
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(async move {
            let _ = server.serve_connection(TokioIo::new(io), service).await;
        });
    }
}

async fn exchange(owner: &mut Node, relay: &Node, id: &str) {
    let mut session = owner.open(id).await;
    for n in 0..100 {
        let sent = relay
            .post(&format!("{id}/xhr_send"), &format!("[\"{n}\"]"))
            .await;
        assert_eq!(sent.0, StatusCode::NO_CONTENT);
        let message = session.recv().await.unwrap();
        assert_eq!(message, format!("{n}"));
        session.send(message).await.unwrap();
        let polled = relay.post(&format!("{id}/xhr"), "").await;
        assert_eq!(polled.1, format!("a[\"{n}\"]\n"));
    }
}

#[tokio::test]
async fn requests_are_relayed_over_tcp() -> io::Result<()> {
    let store = Memory::new();
    let mut a = Node::start(&store, By::Serve).await?;
    let mut b = Node::start(&store, By::Service).await?;
    exchange(&mut a, &b, "s").await;
    exchange(&mut b, &a, "t").await;
    Ok(())
}

#[tokio::test]
async fn server_of_ones_own_needs_no_more_streams() -> io::Result<()> {
    let store = Memory::new();
    let a = Node::start(&store, By::Serve).await?;
    let mut b = Node::start(&store, By::Service).await?;
    let mut polls = Vec::new();
    let mut sessions = Vec::new();
    for n in 0..450 {
        let id = format!("s{n}");
        sessions.push(b.open(&id).await);
        let request = Request::post(format!("/chat/000/{id}/xhr"));
        let request = request.body(Body::empty()).unwrap();
        polls.push(tokio::spawn(a.router.clone().oneshot(request)));
    }
    // Each connection takes 200, hyper's default.
    let last = sessions.last().unwrap();
    last.send("x").await.unwrap();
    let response = timeout(Duration::from_secs(10), polls.pop().unwrap()).await;
    let response = response.expect("the poll is stuck").unwrap().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "a[\"x\"]\n");
    Ok(())
}

#[tokio::test]
async fn node_that_nobody_listens_for_is_dead() -> io::Result<()> {
    let store = Memory::new();
    let mut a = Node::start(&store, By::Serve).await?;
    let b = Node::start(&store, By::Serve).await?;
    let _session = a.open("s").await;
    let _other = a.open("t").await;
    a.serving.abort();
    let start = Instant::now();
    let polled = b.post("s/xhr", "").await;
    assert_eq!(polled.1, "c[1001,\"Going away\"]\n");
    assert_eq!(
        b.post("t/xhr_send", "[\"x\"]").await.0,
        StatusCode::NOT_FOUND
    );
    assert!(start.elapsed() < Duration::from_secs(2));
    Ok(())
}

#[tokio::test]
async fn serving_ends_when_the_node_has_left() -> io::Result<()> {
    let store = Memory::new();
    let mut a = Node::start(&store, By::Serve).await?;
    let b = Node::start(&store, By::Serve).await?;
    let session = a.open("s").await;
    assert_eq!(
        b.post("s/xhr_send", "[\"x\"]").await.0,
        StatusCode::NO_CONTENT
    );
    session.close(3000, "bye");
    drop(session);
    a.cluster.leave().await;
    let ended = timeout(Duration::from_secs(5), a.serving).await;
    ended.expect("it still serves").unwrap();
    Ok(())
}
