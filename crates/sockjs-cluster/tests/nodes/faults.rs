//! Nodes that die, hang, and are cut from each other.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use sockjs_axum::Cause;
use tokio::time::{Instant, sleep, timeout};

use crate::bench::Bench;

const GOING_AWAY: &str = "c[1001,\"Going away\"]\n";

#[tokio::test(start_paused = true)]
async fn client_of_a_killed_owner_hears_a_close_frame() {
    let (bench, mut a, b) = Bench::two().await;
    let _polled = a.open("polled").await;
    let streamed = a.open("streamed").await;
    let _idle = a.open("idle").await;
    let poll = tokio::spawn(b.request("polled", "xhr", Body::empty()));
    let mut stream = b.receive("streamed", "xhr_streaming").await;
    streamed.send("x").await.unwrap();
    stream.until("a[\"x\"]\n").await;
    sleep(Duration::from_secs(1)).await;

    let start = Instant::now();
    bench.network.kill(a.addr);
    assert_eq!(poll.await.unwrap().text().await, GOING_AWAY);
    assert_eq!(stream.text().await, GOING_AWAY);
    assert!(start.elapsed() < Duration::from_secs(5));

    for id in ["polled", "idle"] {
        assert_eq!(b.poll(id).await, GOING_AWAY);
        assert_eq!(b.send(id, "[\"x\"]").await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(start_paused = true)]
async fn session_of_a_dead_owner_is_not_revived_before_its_lease_is_over() {
    let (bench, mut a, mut b) = Bench::two().await;
    let _session = a.open("s").await;
    // It neither renews nor releases.
    a.set_tether(false);
    bench.network.kill(a.addr);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(115) {
        assert_eq!(b.poll("s").await, GOING_AWAY);
        sleep(Duration::from_secs(5)).await;
    }
    sleep(Duration::from_secs(10)).await;
    let _ = b.open("s").await;
}

/// An attempt to connect that began during a fault says nothing of the time after it.
#[tokio::test(start_paused = true)]
async fn request_after_a_cut_does_not_share_an_attempt_that_began_in_it() {
    let (bench, mut a, b) = Bench::two().await;
    let _first = a.open("first").await;
    let _second = a.open("second").await;
    bench.network.cut(a.addr, b.addr);
    let first = tokio::spawn(b.request("first", "xhr_send", "[]"));
    sleep(Duration::from_millis(1900)).await;
    assert!(!first.is_finished());

    bench.network.mend();

    assert_eq!(b.send("second", "[]").await, StatusCode::NO_CONTENT);
    assert_eq!(first.await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn connection_that_is_closed_at_once_fails_at_once() {
    let (bench, mut a, b) = Bench::two().await;
    let _session = a.open("s").await;
    bench.network.slam();
    let start = Instant::now();
    assert_eq!(b.send("s", "[]").await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );

    bench.network.mend();
    assert_eq!(b.send("s", "[]").await, StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn client_of_an_owner_that_hangs_hears_a_close_frame() {
    let (bench, mut a, b) = Bench::two().await;
    let polled = a.open("polled").await;
    let _idle = a.open("idle").await;
    let poll = tokio::spawn(b.request("polled", "xhr", Body::empty()));
    sleep(Duration::from_secs(4)).await;
    bench.network.cut(a.addr, b.addr);
    let start = Instant::now();
    assert_eq!(poll.await.unwrap().text().await, GOING_AWAY);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    // The other end of the connection hears it too.
    assert_eq!(polled.closed().await.cause(), Cause::ReceiverLost);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );

    let start = Instant::now();
    assert_eq!(b.poll("idle").await, GOING_AWAY);
    assert_eq!(
        b.send("idle", "[\"x\"]").await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert!(start.elapsed() < Duration::from_secs(15));
}

/// However many wait for the same node.
///
/// Limit: time to connect to a node.
#[tokio::test(start_paused = true)]
async fn node_that_does_not_answer_costs_everybody_one_attempt() {
    let (bench, mut a, b) = Bench::two().await;
    let mut polls = Vec::new();
    bench.network.cut(a.addr, b.addr);
    for n in 0..50 {
        let id = format!("s{n}");
        let _ = a.open(&id).await;
        polls.push(tokio::spawn(b.request(&id, "xhr", Body::empty())));
    }
    let start = Instant::now();
    for poll in polls {
        assert!(poll.await.unwrap().text().await.starts_with("c["));
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn owner_hears_of_a_killed_relay() {
    let (bench, mut a, b) = Bench::two().await;
    let polled = a.open("polled").await;
    let streamed = a.open("streamed").await;
    let _poll = tokio::spawn(b.request("polled", "xhr", Body::empty()));
    let _stream = b.receive("streamed", "xhr_streaming").await;
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    bench.network.kill(b.addr);
    assert_eq!(polled.closed().await.cause(), Cause::ReceiverLost);
    assert_eq!(streamed.closed().await.cause(), Cause::ReceiverLost);
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// Also if it has taken the whole response and not passed it on.
#[tokio::test(start_paused = true)]
async fn owner_hears_of_a_relay_that_dies_with_a_finished_response() {
    for is_killed in [true, false] {
        let (bench, mut a, b) = Bench::two().await;
        let session = a.open("s").await;
        session.send("x").await.unwrap();
        let _reply = b.receive("s", "xhr").await;
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        if is_killed {
            bench.network.kill(b.addr);
        } else {
            bench.network.hang(b.addr);
        }
        let ending = session.closed().await;
        assert_eq!(
            ending.cause(),
            Cause::ReceiverLost,
            "is_killed: {is_killed}, {:?}",
            start.elapsed()
        );
        let limit = if is_killed { 5 } else { 15 };
        assert!(start.elapsed() < Duration::from_secs(limit));
    }
}

/// The pings of the relay are answered, so the settling of a response is not cut short.
#[tokio::test(start_paused = true)]
async fn relay_that_lives_may_take_its_time() {
    let (_bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    session.send("x").await.unwrap();
    let reply = b.receive("s", "xhr").await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(reply.text().await, "a[\"x\"]\n");
    session.send("y").await.unwrap();
    assert_eq!(b.poll("s").await, "a[\"y\"]\n");
}

#[tokio::test(start_paused = true)]
async fn other_nodes_sessions_live_when_one_node_dies() {
    let (bench, mut a, b) = Bench::two().await;
    let c = bench.node(3).await;
    let mut session = a.open("s").await;
    let poll = tokio::spawn(b.request("s", "xhr", Body::empty()));
    assert_eq!(c.send("s", "[\"1\"]").await, StatusCode::NO_CONTENT);
    bench.network.kill(c.addr);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(session.recv().await.unwrap(), "1");
    session.send("2").await.unwrap();
    assert_eq!(poll.await.unwrap().text().await, "a[\"2\"]\n");
}

#[tokio::test(start_paused = true)]
async fn node_that_started_at_an_old_address_is_another_one() {
    let (bench, mut a, b) = Bench::two().await;
    let _old = a.open("s").await;
    let _older = a.open("t").await;
    assert_eq!(b.send("s", "[\"1\"]").await, StatusCode::NO_CONTENT);
    a.set_tether(false);
    bench.network.kill(a.addr);
    let mut new = bench.node(1).await;
    assert_eq!(b.poll("s").await, GOING_AWAY);
    assert_eq!(b.send("t", "[\"x\"]").await, StatusCode::NOT_FOUND);
    assert_eq!(new.poll("t").await, GOING_AWAY);
    assert!(!new.has_opened());

    let mut session = new.open("new").await;
    assert_eq!(b.send("new", "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(session.recv().await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn one_connection_serves_all_and_outlives_a_pause() {
    let (bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    let mut stream = b.receive("s", "xhr_streaming").await;
    for n in 0..20 {
        let payload = format!("[\"{n}\"]");
        assert_eq!(b.send("s", &payload).await, StatusCode::NO_CONTENT);
        assert_eq!(session.recv().await.unwrap(), format!("{n}"));
        sleep(Duration::from_secs(10)).await;
    }
    session.send("x").await.unwrap();
    stream.until("h\na[\"x\"]\n").await;
    drop(stream);
    sleep(Duration::from_secs(50)).await;
    let _session = a.open("t").await;
    assert_eq!(b.send("t", "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(bench.network.connections_from(b.addr), 1);
    sleep(Duration::from_secs(200)).await;
    let _session = a.open("u").await;
    assert_eq!(b.send("u", "[\"x\"]").await, StatusCode::NO_CONTENT);
    assert_eq!(
        bench.network.connections_from(b.addr),
        2,
        "an idle one was closed"
    );
}

#[tokio::test(start_paused = true)]
async fn node_that_leaves_answers_until_the_others_are_quiet() {
    let (bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    let poll = tokio::spawn(b.request("s", "xhr", Body::empty()));
    sleep(Duration::from_secs(1)).await;
    session.close(3000, "bye");
    let leaving = a.cluster.leave();
    let poll = async { poll.await.unwrap().text().await };
    let asks = async {
        sleep(Duration::from_millis(500)).await;
        b.poll("s").await
    };
    let start = Instant::now();
    let ((), first, second) = tokio::join!(leaving, poll, asks);
    assert_eq!([first, second], ["c[3000,\"bye\"]\n"; 2]);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert!(!a.cluster.is_connected());
    let refused = a.receive("new", "xhr").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    sleep(Duration::from_secs(2)).await;
    // Nobody is at the address any more. The entry of the session lasts for as long as it is remembered.
    let late = timeout(Duration::from_secs(5), b.poll("s")).await;
    assert!(late.unwrap().starts_with("c[1001"));
    drop(bench);
}
