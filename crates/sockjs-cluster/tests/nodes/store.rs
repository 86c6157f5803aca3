//! The store goes away, and comes back.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use sockjs_axum::Cause;
use tokio::time::{Instant, sleep};

use crate::bench::Bench;

/// Limit: time for a claim or a look-up.
#[tokio::test(start_paused = true)]
async fn known_sessions_go_on_without_the_store() {
    let (bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    let _unknown = a.open("unknown").await;
    session.send("0").await.unwrap();
    assert_eq!(b.poll("s").await, "a[\"0\"]\n");
    bench.store.stop();
    sleep(Duration::from_millis(10)).await;
    assert!(!a.cluster.is_connected());
    for n in 1..50 {
        session.send(format!("{n}")).await.unwrap();
        let node = if n % 2 == 0 { &b } else { &a };
        assert_eq!(node.poll("s").await, format!("a[\"{n}\"]\n"));
        assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NO_CONTENT);
        assert_eq!(session.recv().await.unwrap(), "x");
    }
    for (id, action) in [("unknown", "xhr_send"), ("unknown", "xhr"), ("new", "xhr")] {
        let start = Instant::now();
        let reply = b.request(id, action, "[\"x\"]").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "{:?}",
            start.elapsed()
        );
    }
    bench.store.start();
    sleep(Duration::from_millis(300)).await;
    assert!(a.cluster.is_connected() && b.cluster.is_connected());
    assert_eq!(b.poll("new").await, "o\n");
}

#[tokio::test(start_paused = true)]
async fn claim_waits_for_a_store_that_is_back_soon() {
    let (bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    bench.store.stop();
    let opening = tokio::spawn(b.request("new", "xhr", Body::empty()));
    let sending = tokio::spawn(b.request("s", "xhr_send", "[\"x\"]"));
    sleep(Duration::from_secs(2)).await;
    bench.store.start();
    assert_eq!(opening.await.unwrap().text().await, "o\n");
    assert_eq!(sending.await.unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(session.recv().await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn store_that_restarts_empty_revives_nothing() {
    let (bench, mut a, mut b) = Bench::two().await;
    let mut session = a.open("s").await;
    let _poll = tokio::spawn(a.request("s", "xhr", Body::empty()));
    let start = Instant::now();
    bench.store.start_empty();
    // Node B does not know the session.
    let reply = b.request("s", "xhr", Body::empty()).await;
    assert_eq!(
        reply.text().await,
        "c[2010,\"Another connection still open\"]\n"
    );
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert!(!b.has_opened());
    assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(session.recv().await.unwrap(), "x");
}

/// A node that did not hear of it in time.
#[tokio::test(start_paused = true)]
async fn session_that_another_node_has_now_is_closed() {
    let (bench, mut a, mut b) = Bench::two().await;
    let session = a.open("s").await;
    let poll = tokio::spawn(a.request("s", "xhr", Body::empty()));
    sleep(Duration::from_secs(1)).await;
    a.set_tether(false);
    bench.store.start_empty();
    let _other = b.open("s").await;
    a.set_tether(true);
    let start = Instant::now();
    assert!(poll.await.unwrap().text().await.starts_with("c[1001,"));
    assert_eq!(session.closed().await.cause(), Cause::ClaimLost);
    assert!(
        start.elapsed() < Duration::from_secs(41),
        "{:?}",
        start.elapsed()
    );
    // The entry is that of the other one, and stays.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.store.entries(), 1);
}

/// A claim that was made and whose answer got lost.
#[tokio::test(start_paused = true)]
async fn slow_store_opens_no_session_twice() {
    let (bench, mut a, mut b) = Bench::two().await;
    bench.store.set_delay(Duration::from_millis(900));
    let (one, two) = tokio::join!(
        a.request("s", "xhr", Body::empty()),
        a.request("s", "xhr", Body::empty()),
    );
    let mut texts = [one.text().await, two.text().await];
    texts.sort();
    assert_eq!(
        texts,
        ["c[2010,\"Another connection still open\"]\n", "o\n"]
    );
    let _session = a.session().await;
    assert!(!a.has_opened() && !b.has_opened());
}
