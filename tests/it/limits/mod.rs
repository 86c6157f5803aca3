//! No client makes the server hold more than the limits allow.
//!
//! A line such as `/// Limit: body_limit` above a test names the row of `docs/limits.md` that the
//! test proves. What an attack costs in memory is in `attacks`.

mod attacks;
mod documented;
mod slices;

use std::time::Duration;

use sockjs_axum::{SockJsLayer, TrySendError};
use support::{Direct, Response, Server, Sessions, Wire, received, unique_path, within};

/// Longer than the paused clock runs in any test here.
const FOREVER: Duration = Duration::from_secs(1_000_000);

async fn assert_413(response: Response<'_>, text: &str) {
    assert_eq!(response.status, 413);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_eq!(response.text().await, text);
}

const BODY: &str = "Request body too large.";
const MESSAGE: &str = "Message too large.";

/// P29: Large bodies.
/// Limit: body_limit
#[tokio::test]
async fn a_body_above_the_limit_is_413_and_delivers_nothing() {
    let server = Server::echo(|layer| layer.body_limit(100)).await;
    let fits = format!("[\"{}\"]", "x".repeat(96));
    let too_long = format!("[\"{}\"]", "y".repeat(97));

    for endpoint in ["xhr_send", "jsonp_send"] {
        let peer = server.peer();
        peer.open().await;
        let accepted = peer.post(endpoint).body(&fits).send().await.status;
        assert!([200, 204].contains(&accepted), "{accepted}");
        for refused in [
            peer.post(endpoint).body(&too_long),
            peer.post(endpoint).chunks([&too_long]),
            peer.post(endpoint).chunks(too_long.as_bytes().chunks(9)),
            server.peer().post(endpoint).body(&too_long),
        ] {
            assert_413(refused.send().await, BODY).await;
        }
        let fits_in_chunks = peer.post(endpoint).chunks(fits.as_bytes().chunks(9));
        let mut expected = vec!["x".repeat(96)];
        match fits_in_chunks.send().await.status {
            204 => expected.push("x".repeat(96)),
            // A page does not hear that its form was refused, so that its session is over.
            status => assert_eq!((endpoint, status), ("jsonp_send", 404)),
        }
        let mut receiver = peer.receiver(Wire::Xhr);
        assert_eq!(receiver.messages(expected.len()).await, expected);
        if endpoint == "jsonp_send" {
            assert_eq!(peer.poll().await, "c[1009,\"Message too long\"]\n");
        }
    }
}

/// P29: Large bodies.
#[tokio::test]
async fn a_body_without_end_is_refused_before_its_end() {
    let server = Server::echo(|layer| layer.body_limit(1000)).await;
    let mut connection = server.connect().await;

    let head =
        "POST /echo/000/abc/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("64\r\n{}\r\n", " ".repeat(100));
    connection.write(head.to_owned() + &chunk.repeat(11)).await;

    assert_413(connection.response("POST").await, BODY).await;
}

/// P29: Large bodies.
/// Limit: message_limit
#[tokio::test]
async fn a_message_above_the_limit_is_413_and_delivers_nothing() {
    let server = Server::echo(|layer| layer.message_limit(10)).await;
    let peer = server.peer();
    peer.open().await;

    for body in [
        r#"["01234567890"]"#,
        r#"["ok","01234567890"]"#,
        r#"["é€😀é"]"#,
    ] {
        assert_413(peer.post("xhr_send").body(body).send().await, MESSAGE).await;
        let peer = server.peer();
        peer.open().await;
        assert_413(peer.post("jsonp_send").body(body).send().await, MESSAGE).await;
        assert_eq!(peer.poll().await, "c[1009,\"Message too long\"]\n");
    }

    // What counts is the message, not how it was escaped.
    peer.send(r#"["0123456789","\u0030\u0031","é€😀a"]"#).await;
    assert_eq!(
        peer.receiver(Wire::Xhr).messages(3).await,
        ["0123456789", "01", "é€😀a"]
    );
}

/// P61: Backpressure.
/// Limit: receive_buffer
#[tokio::test(start_paused = true)]
async fn a_full_inbox_delays_the_answer_and_drops_nothing() {
    let layer = SockJsLayer::new("/echo")
        .disconnect_delay(FOREVER)
        .receive_buffer(100);
    let (layer, mut sessions) = Sessions::capture(layer);
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    let mut session = sessions.next().await;

    let mut accepted = 0;
    let waiting = loop {
        let (direct, path) = (direct.clone(), path.clone());
        let payload = format!(r#"["message {accepted}"]"#);
        let mut send = tokio::spawn(async move { direct.payload(&path, &payload).await });
        match tokio::time::timeout(Duration::from_secs(3600), &mut send).await {
            Ok(status) => assert_eq!(status.unwrap(), 204),
            Err(_) => break send,
        }
        accepted += 1;
        assert!(accepted < 100, "the inbox has no limit");
    };

    // Another session of the same application does not notice.
    let other = unique_path("/echo");
    assert_eq!(direct.post(&format!("{other}/xhr")).await, "o\n");
    let mut other_session = sessions.next().await;
    assert_eq!(direct.payload(&other, r#"["x"]"#).await, 204);
    assert_eq!(received(&mut other_session).await, "x");

    for n in 0..=accepted {
        assert_eq!(received(&mut session).await, format!("message {n}"));
    }
    assert_eq!(waiting.await.unwrap(), 204);
}

/// Limit: send_buffer
#[tokio::test(start_paused = true)]
async fn a_full_outbox_makes_send_wait_and_try_send_fail() {
    let layer = SockJsLayer::new("/echo")
        .disconnect_delay(FOREVER)
        .send_buffer(1000);
    let (layer, mut sessions) = Sessions::capture(layer);
    let direct = Direct::new(layer);
    let path = unique_path("/echo") + "/xhr";
    assert_eq!(direct.post(&path).await, "o\n");
    let session = sessions.next().await;

    let mut queued = 0;
    let refused = loop {
        match session.try_send("x".repeat(100)) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued <= 10, "the outbox holds more than its limit");
    };
    assert!(matches!(refused, TrySendError::Full(message) if *message == *"x".repeat(100)));
    let waiting = session.send("waited");
    tokio::pin!(waiting);
    assert!(
        tokio::time::timeout(Duration::from_secs(3600), &mut waiting)
            .await
            .is_err()
    );

    let expected = format!(
        "a[{}]\n",
        vec![format!("\"{}\"", "x".repeat(100)); queued].join(",")
    );
    assert_eq!(direct.post(&path).await, expected);
    waiting.await.unwrap();
    assert_eq!(direct.post(&path).await, "a[\"waited\"]\n");
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_no_more_than_the_buffer() {
    let limit = 64 * 1024;
    let configure = |layer: SockJsLayer| layer.send_buffer(limit).response_limit(usize::MAX);
    let (server, mut sessions) = Server::capture(configure).await;
    let mut stream = server.peer().post("xhr_streaming").send().await;
    stream.expect("h".repeat(2048) + "\no\n").await;
    let session = sessions.next().await;

    // The kernel's socket buffers take some megabytes; then only the session's buffer is left.
    let message = "x".repeat(10_000);
    let mut sent = 0;
    for _ in 0..20_000 {
        match session.try_send(&*message) {
            Ok(()) => sent += message.len(),
            Err(TrySendError::Full(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
        assert!(sent < 64 << 20, "somebody buffers without limit");
    }

    // Everything that was accepted arrives once the client reads.
    let mut arrived = 0;
    while arrived < sent {
        let chunk = stream.chunk().await.expect("the response goes on");
        arrived += chunk.iter().filter(|byte| **byte == b'x').count();
    }
    assert_eq!(arrived, sent);
}

/// P60: No room.
/// Limit: max_sessions
#[tokio::test]
async fn above_max_sessions_a_new_one_is_503_and_the_others_go_on() {
    let (server, mut sessions) = Server::capture_alone(|layer| layer.max_sessions(2)).await;
    let peers = [server.peer(), server.peer()];
    for peer in &peers {
        peer.open().await;
    }

    for wire in Wire::ALL {
        let response = server.peer().receive(wire).send().await;
        assert_eq!(response.status, 503, "{wire:?}");
    }

    let mut open = [sessions.next().await, sessions.next().await];
    assert!(sessions.is_empty());
    for (peer, session) in peers.iter().zip(&mut open) {
        peer.send(r#"["x"]"#).await;
        assert_eq!(received(session).await, "x");
        session.try_send("y").unwrap();
        assert_eq!(peer.poll().await, "a[\"y\"]\n");
    }
}

#[tokio::test]
async fn an_ended_session_makes_room_for_another() {
    let delay = Duration::from_millis(100);
    let configure = |layer: SockJsLayer| layer.max_sessions(1).disconnect_delay(delay);
    let (server, mut sessions) = Server::capture(configure).await;
    server.peer().open().await;
    let session = sessions.next().await;
    support::ending(&session).await;
    drop(session);

    let admitted = async {
        while server.peer().post("xhr").send().await.status == 503 {
            tokio::task::yield_now().await;
        }
    };
    within("room for another session", admitted).await;
    sessions.next().await;
}
