//! What one client does not do to the others.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use sockjs_axum::Cause;
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, Node};

/// Asks for a message of a session through a node that does not have it.
async fn works(owner: &mut Node, relay: &Node, id: &str) {
    let mut session = owner.open(id).await;
    let exchange = async {
        assert_eq!(relay.send(id, "[\"x\"]").await, StatusCode::NO_CONTENT);
        assert_eq!(session.recv().await.unwrap(), "x");
        session.send("y").await.unwrap();
        assert_eq!(relay.poll(id).await, "a[\"y\"]\n");
    };
    let exchange = timeout(Duration::from_secs(5), exchange).await;
    exchange.expect("the connection is stuck");
}

/// Lets other tasks run, for a time that differs by `n`.
async fn pause(n: usize) {
    for _ in 0..n % 8 {
        tokio::task::yield_now().await;
    }
}

/// Two hundred clients have 3 MiB on one connection.
#[tokio::test(start_paused = true)]
async fn clients_that_read_nothing_do_not_stop_others() {
    let (bench, mut a, b) = Bench::two().await;
    let mut stuck = Vec::new();
    for n in 0..200 {
        let id = format!("s{n}");
        let session = a.open(&id).await;
        session.try_send("x".repeat(60_000)).unwrap();
        let reply = b.receive(&id, "xhr_streaming").await;
        stuck.push((session, reply));
    }
    sleep(Duration::from_secs(1)).await;
    works(&mut a, &b, "lively").await;
    assert_eq!(bench.network.connections_from(b.addr), 1);
}

/// Bodies that the owner does not read on.
#[tokio::test(start_paused = true)]
async fn uploads_that_are_not_taken_do_not_stop_others() {
    let (_bench, mut a, b) = Bench::two().await;
    let mut stuck = Vec::new();
    for n in 0..50 {
        let id = format!("s{n}");
        let session = a.open(&id).await;
        for _ in 0..4 {
            let payload = format!("[\"{}\"]", "x".repeat(100_000));
            stuck.push(tokio::spawn(b.request(&id, "xhr_send", payload)));
        }
        std::mem::forget(session);
    }
    sleep(Duration::from_millis(500)).await;
    works(&mut a, &b, "lively").await;
}

#[tokio::test(start_paused = true)]
async fn more_polls_than_a_connection_has_streams_wait_on_several() {
    let (bench, mut a, b) = Bench::two().await;
    let mut polls = Vec::new();
    for n in 0..2500 {
        let id = format!("s{n}");
        let session = a.open(&id).await;
        polls.push((session, tokio::spawn(b.request(&id, "xhr", Body::empty()))));
    }
    sleep(Duration::from_secs(1)).await;
    works(&mut a, &b, "lively").await;
    let connections = bench.network.connections_from(b.addr);
    assert!((3..=4).contains(&connections), "{connections}");
    for (session, poll) in polls {
        session.send("x").await.unwrap();
        assert_eq!(poll.await.unwrap().text().await, "a[\"x\"]\n");
    }
}

/// HTTP/2 counts streams that were reset while data was under way, and ends a connection with too many.
#[tokio::test(start_paused = true)]
async fn clients_that_go_away_do_not_end_the_connection() {
    let (bench, mut a, b) = Bench::two().await;
    bench.network.set_latency(Duration::from_millis(2));
    let survivor = a.open("survivor").await;
    let mut survived = b.receive("survivor", "xhr_streaming").await;
    sleep(Duration::from_secs(1)).await;
    for round in 0..20 {
        let mut sessions = Vec::new();
        let mut replies = Vec::new();
        for n in 0..150 {
            let id = format!("{round}-{n}");
            let session = a.open(&id).await;
            session.try_send("x".repeat(60_000)).unwrap();
            replies.push(b.receive(&id, "xhr_streaming").await);
            sessions.push(session);
        }
        for (n, mut reply) in replies.into_iter().enumerate() {
            // The owner may go on, and the client goes away, while the data is at any place.
            for _ in 0..3 {
                reply.next().await;
            }
            pause(n).await;
        }
        for session in sessions {
            session.closed().await;
        }
    }
    survivor.send("alive").await.unwrap();
    survived.until("a[\"alive\"]\n").await;
    assert_eq!(bench.network.connections_from(b.addr), 1);
}

/// The owner resets the stream of each, while the body is under way.
#[tokio::test(start_paused = true)]
async fn refused_bodies_do_not_end_the_connection() {
    let bench = Bench::new();
    let mut a = bench
        .node_with(1, |it| it, |layer| layer.body_limit(20_000))
        .await;
    let b = bench.node(2).await;
    bench.network.set_latency(Duration::from_millis(2));
    sleep(Duration::from_secs(2)).await;
    let survivor = a.open("survivor").await;
    let mut survived = b.receive("survivor", "xhr_streaming").await;
    let payload = format!("[\"{}\"]", "x".repeat(100_000));
    // The owner refuses the length, and resets the stream, before the body arrives.
    let action = format!("xhr_send?len={}", payload.len());
    for _ in 0..15 {
        let mut sends = Vec::new();
        for n in 0..100 {
            let parts = payload.as_bytes().chunks(5000).map(Bytes::copy_from_slice);
            let parts = stream::iter(parts.collect::<Vec<_>>()).then(move |part| async move {
                pause(n + 1).await;
                Ok::<_, Infallible>(part)
            });
            let body = Body::from_stream(parts);
            sends.push(tokio::spawn(b.request("survivor", &action, body)));
        }
        for send in sends {
            let status = send.await.unwrap().status;
            assert!(status.is_client_error(), "{status}");
        }
    }
    survivor.send("alive").await.unwrap();
    survived.until("a[\"alive\"]\n").await;
    assert_eq!(bench.network.connections_from(b.addr), 1);
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_nothing_is_slow_for_the_owner() {
    let (_bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    let reply = b.receive("s", "xhr_streaming").await;
    session.try_send("x".repeat(60_000)).unwrap();
    let ending = timeout(Duration::from_secs(60), session.closed()).await;
    assert_eq!(ending.unwrap().cause(), Cause::SlowClient);
    drop(reply);
}
