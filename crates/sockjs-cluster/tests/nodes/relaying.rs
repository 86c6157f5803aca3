//! Any node answers any request.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use sockjs_axum::Cause;
use tokio::time::{Instant, timeout};

use crate::bench::Bench;

#[tokio::test(start_paused = true)]
async fn other_node_answers_polls_and_sends() {
    let (_bench, mut a, mut b) = Bench::two().await;
    let mut session = a.open("s").await;
    assert_eq!(
        b.send("s", r#"["one","two"]"#).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(session.recv().await.unwrap(), "one");
    assert_eq!(session.recv().await.unwrap(), "two");
    for n in 0..10 {
        session.send(format!("{n}")).await.unwrap();
        let node = if n % 2 == 0 { &b } else { &a };
        assert_eq!(node.poll("s").await, format!("a[\"{n}\"]\n"));
    }
    assert!(!b.has_opened());
    assert_eq!(b.asked.lock().unwrap().len(), 1, "owners never change");
}

#[tokio::test(start_paused = true)]
async fn relayed_poll_waits_for_a_message() {
    let (_bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    let poll = tokio::spawn(b.request("s", "xhr", Body::empty()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    session.send("late").await.unwrap();
    assert_eq!(poll.await.unwrap().text().await, "a[\"late\"]\n");
}

#[tokio::test(start_paused = true)]
async fn each_receive_transport_is_relayed_in_its_own_framing() {
    let (_bench, mut a, b) = Bench::two().await;
    for (action, content_type, start, one, two) in [
        (
            "xhr_streaming",
            "application/javascript; charset=UTF-8",
            "h",
            "a[\"1\"]\n",
            "a[\"2\"]\n",
        ),
        (
            "eventsource",
            "text/event-stream",
            "\r\n",
            "data: a[\"1\"]\r\n\r\n",
            "data: a[\"2\"]\r\n\r\n",
        ),
        (
            "htmlfile?c=cb",
            "text/html; charset=UTF-8",
            "<!doctype",
            "<script>\np(\"a[\\\"1\\\"]\");\n</script>\r\n",
            "<script>\np(\"a[\\\"2\\\"]\");\n</script>\r\n",
        ),
    ] {
        let id = action.split('?').next().unwrap();
        let session = a.open(id).await;
        let mut reply = b.receive(id, action).await;
        assert_eq!(
            (reply.status, &*reply.content_type),
            (StatusCode::OK, content_type)
        );
        session.send("1").await.unwrap();
        let text = reply.until(one).await;
        assert!(
            text.trim_start_matches('\n').starts_with(start),
            "{action}: {text:?}"
        );
        session.send("2").await.unwrap();
        assert_eq!(reply.until(two).await, two, "{action}");
        session.close(3000, "bye");
        let rest = reply.text().await;
        assert!(rest.contains("3000"), "{action}: {rest:?}");
    }
    let session = a.open("jsonp").await;
    session.send("1").await.unwrap();
    let reply = b.receive("jsonp", "jsonp?c=cb").await;
    assert_eq!(reply.content_type, "application/javascript; charset=UTF-8");
    assert_eq!(reply.text().await, "/**/cb(\"a[\\\"1\\\"]\");\r\n");
    let reply = b.receive("jsonp", "jsonp").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test(start_paused = true)]
async fn jsonp_send_and_broken_payloads_are_relayed() {
    let (_bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    let reply = b.request("s", "jsonp_send", r#"["x"]"#).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.text().await, "ok");
    assert_eq!(session.recv().await.unwrap(), "x");
    let reply = b.request("s", "xhr_send", "[").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(reply.text().await, "Broken JSON encoding.");
}

/// The signature of a relayed request covers the length of its body.
#[tokio::test(start_paused = true)]
async fn body_of_another_length_than_declared_is_not_taken() {
    let (_bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    for (len, status) in [
        (0, StatusCode::BAD_REQUEST),
        (4, StatusCode::BAD_REQUEST),
        (6, StatusCode::BAD_REQUEST),
        (5, StatusCode::NO_CONTENT),
    ] {
        let text = format!("[\"{len}\"]");
        let reply = b.request("s", &format!("xhr_send?len={len}"), text).await;
        assert_eq!(reply.status, status, "{len}");
    }
    assert_eq!(session.recv().await.unwrap(), "5");
    let reply = b.request("s", "xhr_send?len=1", Body::empty()).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn long_messages_pass_both_ways() {
    let (_bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    let long = "x".repeat(100_000);
    assert_eq!(
        b.send("s", &format!("[\"{long}\"]")).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(session.recv().await.unwrap(), *long);
    session.send(&*long).await.unwrap();
    assert_eq!(b.poll("s").await, format!("a[\"{long}\"]\n"));
    assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NO_CONTENT);
}

/// The two first requests of a session race to two nodes.
#[tokio::test(start_paused = true)]
async fn one_of_two_nodes_opens_a_session() {
    let (_bench, mut a, mut b) = Bench::two().await;
    for n in 0..20 {
        let id = format!("s{n}");
        let (one, two) = tokio::join!(
            a.request(&id, "xhr_streaming", Body::empty()),
            b.request(&id, "xhr_streaming", Body::empty())
        );
        let mut opened = 0;
        for mut reply in [one, two] {
            let text = reply.until("\n").await;
            let text = match text.strip_prefix('h') {
                Some(_) => reply.until("\n").await,
                None => text,
            };
            if text == "o\n" {
                opened += 1;
            } else {
                assert_eq!(text, "c[2010,\"Another connection still open\"]\n");
            }
        }
        assert_eq!(opened, 1);
        assert!(a.has_opened() ^ b.has_opened(), "one session");
    }
}

#[tokio::test(start_paused = true)]
async fn second_receiver_is_turned_away_through_the_relay() {
    let (_bench, mut a, b) = Bench::two().await;
    let _session = a.open("s").await;
    let _first = tokio::spawn(b.request("s", "xhr", Body::empty()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        b.poll("s").await,
        "c[2010,\"Another connection still open\"]\n"
    );
}

#[tokio::test(start_paused = true)]
async fn response_that_the_client_did_not_take_ends_the_session() {
    let (_bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    session.send("one").await.unwrap();
    // The head has arrived, and perhaps the body, but the client never takes it.
    let reply = b.receive("s", "xhr").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(reply);
    let ending = session.closed().await;
    assert_eq!(ending.cause(), Cause::ReceiverLost);
}

#[tokio::test(start_paused = true)]
async fn next_poll_waits_until_the_client_has_the_last_response() {
    let (_bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    session.send("one").await.unwrap();
    let first = b.receive("s", "xhr").await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    session.send("two").await.unwrap();
    let mut second = std::pin::pin!(a.receive("s", "xhr"));
    let early = timeout(Duration::from_secs(1), second.as_mut()).await;
    assert!(early.is_err(), "it is not turned away either");
    assert_eq!(first.text().await, "a[\"one\"]\n");
    assert_eq!(second.await.text().await, "a[\"two\"]\n");
}

#[tokio::test(start_paused = true)]
async fn client_that_goes_away_is_noticed_by_the_owner() {
    let (_bench, mut a, b) = Bench::two().await;
    for action in ["xhr", "xhr_streaming"] {
        let session = a.open(action).await;
        let request = tokio::spawn(b.request(action, action, Body::empty()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        if action == "xhr" {
            request.abort();
        } else {
            drop(request.await.unwrap());
        }
        assert_eq!(session.closed().await.cause(), Cause::ReceiverLost);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn late_poll_hears_the_close_reason_from_the_owner() {
    let (_bench, mut a, b) = Bench::two().await;
    let session = a.open("s").await;
    session.close(3000, "bye");
    assert_eq!(b.poll("s").await, "c[3000,\"bye\"]\n");
    assert_eq!(b.poll("s").await, "c[3000,\"bye\"]\n");
    assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn unknown_session_is_404_for_sends() {
    let (bench, _a, b) = Bench::two().await;
    assert_eq!(b.send("s", "[\"x\"]").await, StatusCode::NOT_FOUND);
    assert_eq!(bench.store.entries(), 0);
}
