//! The entries of the directory.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Request, StatusCode};
use sockjs_axum::{Session, SockJsLayer};
use sockjs_cluster::{Builder, OnOutage};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tower::ServiceExt;

use crate::bench::{Bench, Node};

async fn settle() {
    sleep(Duration::from_millis(100)).await;
}

#[tokio::test(start_paused = true)]
async fn entry_lives_as_long_as_its_session_is_remembered() {
    let (bench, mut a, mut b) = Bench::two().await;
    let session = a.open("s").await;
    let _poll = tokio::spawn(a.request("s", "xhr", Body::empty()));
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(bench.store.entries(), 0, "the poll has ended");
    drop(session);

    let session = a.open("t").await;
    for _ in 0..100 {
        session.send("x").await.unwrap();
        assert_eq!(b.poll("t").await, "a[\"x\"]\n");
        sleep(Duration::from_secs(4)).await;
    }
    assert_eq!(bench.store.entries(), 1);
    session.close(3000, "bye");
    assert_eq!(b.poll("t").await, "c[3000,\"bye\"]\n");
    sleep(Duration::from_secs(200)).await;
    assert_eq!(bench.store.entries(), 0);
    assert!(!b.has_opened());
}

struct Refused;

impl<S: Sync> FromRequestParts<S> for Refused {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Err(StatusCode::UNAUTHORIZED)
    }
}

#[tokio::test(start_paused = true)]
async fn refused_opening_leaves_no_entry() {
    let (bench, a, mut b) = Bench::two().await;
    let layer = SockJsLayer::new("/chat")
        .peers(a.cluster.mount("other"))
        .on_session(|_: Refused, _: Session| async {});
    let router = Router::new().layer(layer);
    for _ in 0..3 {
        let request = Request::post("/chat/000/s/xhr")
            .body(Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        settle().await;
        assert_eq!(bench.store.entries(), 0);
    }
    let _session = b.open("s").await;
}

#[tokio::test(start_paused = true)]
async fn same_id_under_two_mounts_is_two_sessions() {
    let (bench, mut a, _b) = Bench::two().await;
    let layer = SockJsLayer::echo("/other").peers(a.cluster.mount("other"));
    let router = Router::new().layer(layer);
    let _session = a.open("s").await;
    let request = Request::post("/other/000/s/xhr")
        .body(Body::empty())
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(bench.store.entries(), 2);
}

/// Many more than go into one batch.
#[tokio::test(start_paused = true)]
async fn all_sessions_are_renewed() {
    let bench = Bench::new();
    let delay = Duration::from_secs(3600);
    let mut a = bench
        .node_with(1, |it| it, |layer| layer.disconnect_delay(delay))
        .await;
    let mut sessions = Vec::new();
    for n in 0..3000 {
        sessions.push(a.open(&format!("s{n}")).await);
    }
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(bench.store.entries(), 3000);
    bench.store.start_empty();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(bench.store.entries(), 3000);
    a.cluster.leave().await;
    assert_eq!(bench.store.entries(), 0);
}

/// More end than are released together.
#[tokio::test(start_paused = true)]
async fn leases_are_renewed_while_many_sessions_end() {
    let bench = Bench::new();
    let lease = Duration::from_secs(3);
    let short = |builder: Builder| builder.lease(lease);
    let mut a = bench.node_with(1, short, |layer| layer).await;
    let b = bench.node_with(2, short, |layer| layer).await;
    sleep(Duration::from_secs(2)).await;
    let mut kept = Vec::new();
    for second in 0..16 {
        let id = format!("kept{second}");
        let session = a.open(&id).await;
        let poll = tokio::spawn(a.request(&id, "xhr", Body::empty()));
        kept.push((id, session, poll));
    }
    let mut sessions = Vec::new();
    for n in 0..2000 {
        sessions.push(a.open(&format!("s{n}")).await);
    }
    // To release them all takes longer than a lease. To renew them all takes less.
    bench.store.set_delay(Duration::from_millis(500));
    for session in &sessions {
        session.close(3000, "bye");
    }
    // The other node asks for each session once.
    for (id, _, _) in &kept {
        let start = Instant::now();
        assert_eq!(b.send(id, "[\"x\"]").await, StatusCode::NO_CONTENT);
        sleep_until(start + Duration::from_secs(1)).await;
    }
}

/// The keeper's task runs on another thread when it is told to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_leaves_writes_no_entry_after_it_has_removed_them() {
    let bench = Bench::new();
    let lease = Duration::from_secs(3);
    let mut a = bench
        .node_with(1, |builder| builder.lease(lease), |layer| layer)
        .await;
    let _session = a.open("s").await;
    let (sender, mut renewal) = mpsc::unbounded_channel();
    let store = bench.store.clone();
    *a.at_renewal.lock().unwrap() = Some(Box::new(move || {
        sender.send(()).unwrap();
        // If the node does not wait for this, it removes the entry meanwhile. Timers run on.
        tokio::task::block_in_place(|| {
            let start = std::time::Instant::now();
            while store.entries() > 0 && start.elapsed() < lease {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        sender
    }));
    assert_eq!(renewal.recv().await, Some(()), "the renewal has begun");
    a.cluster.leave().await;
    assert_eq!(renewal.recv().await, None, "the renewal is over");
    assert_eq!(bench.store.entries(), 0);
}

async fn with_outage(bench: &Bench, port: u16, on_outage: OnOutage) -> Node {
    bench
        .node_with(port, |builder| builder.on_outage(on_outage), |layer| layer)
        .await
}

#[tokio::test(start_paused = true)]
async fn session_that_was_opened_without_the_store_is_claimed_later() {
    let bench = Bench::new();
    let mut a = with_outage(&bench, 1, OnOutage::ServeLocally).await;
    let b = with_outage(&bench, 2, OnOutage::ServeLocally).await;
    sleep(Duration::from_secs(2)).await;
    bench.store.stop();
    let mut session = a.open("s").await;
    let poll = tokio::spawn(a.request("s", "xhr", Body::empty()));
    sleep(Duration::from_secs(5)).await;
    bench.store.start();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.store.entries(), 1);
    assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(session.recv().await.unwrap(), "x");
    session.send("y").await.unwrap();
    assert_eq!(poll.await.unwrap().text().await, "a[\"y\"]\n");
}
