//! No client makes the server hold more than the limits allow, and no accepted message is lost.

use std::time::Duration;

use axum::Router;
use sockjs_axum::{Cause, SessionState, SockJsLayer, TrySendError};
use support::{Frame, Opcode, Sessions, ending, received, websocket_in_memory, within};
use tokio::time::{sleep, timeout};

use super::{PATH, assert_ended, open};

const TOO_LONG: &str = "Message too long";

/// P38: Large payloads.
#[tokio::test]
async fn a_message_above_the_limit_ends_the_connection_with_1009() {
    let configure = |layer: SockJsLayer| layer.message_limit(10);
    for payload in [
        r#"["01234567890"]"#,
        r#"["ok","0123456789é"]"#,
        r#""01234567890""#,
    ] {
        let (_server, mut socket, mut session) = open(configure).await;

        // What counts is the message, not how it was escaped.
        socket.send_text(r#"["\u0030123456789","\u00e9"]"#).await;
        socket.send_text(payload).await;

        socket.expect_close(1009, TOO_LONG).await;
        assert_ended(&session, Cause::LimitExceeded, 1009, TOO_LONG).await;
        assert_eq!(received(&mut session).await, "0123456789");
        assert_eq!(received(&mut session).await, "é");
        assert_eq!(within("the end", session.recv()).await, None);
    }
}

/// P38: Large payloads.
#[tokio::test]
async fn a_frame_above_the_body_limit_ends_the_connection_before_it_has_arrived() {
    let (_server, mut socket, session) = open(|layer| layer.body_limit(1000)).await;
    let fits = Frame::text(format!("[\"{}\"]", "x".repeat(996)));
    let too_long = Frame::text(format!("[\"{}\"]", "x".repeat(997)));

    socket.send(fits).await;
    socket.write(&too_long.masked()[..8]).await;

    socket.expect_close(1009, TOO_LONG).await;
    assert_ended(&session, Cause::LimitExceeded, 1009, TOO_LONG).await;
}

#[tokio::test]
async fn a_client_that_sends_too_much_gets_the_close_frame_first() {
    // If the server closed with data unread, the connection would be reset and the close frame
    // lost.
    let (_server, mut socket, session) = open(|layer| layer).await;

    socket.send(Frame::text("x".repeat(8 << 20))).await;

    socket.expect_close(1009, TOO_LONG).await;
    socket.ended().await;
    assert_ended(&session, Cause::LimitExceeded, 1009, TOO_LONG).await;
}

#[tokio::test]
async fn a_frame_with_an_enormous_length_is_refused() {
    let (_server, mut socket, session) = open(|layer| layer).await;

    let header = [&[0x81, 0xff][..], &[0x7f; 8], &[0; 4]].concat();
    socket.write(header).await;

    socket.expect_close(1009, TOO_LONG).await;
    assert_ended(&session, Cause::LimitExceeded, 1009, TOO_LONG).await;
}

#[tokio::test]
async fn fragments_are_limited_as_a_whole() {
    let (_server, mut socket, session) = open(|layer| layer.body_limit(1000)).await;
    let start = Frame::text(" ".repeat(100)).to_be_continued();
    let more = Frame::new(Opcode::Continuation, " ".repeat(100)).to_be_continued();

    socket.send(start).await;
    for _ in 0..10 {
        socket.send(more.clone()).await;
    }

    socket.expect_close(1009, TOO_LONG).await;
    assert_ended(&session, Cause::LimitExceeded, 1009, TOO_LONG).await;
}

/// P61: Backpressure.
#[tokio::test]
async fn a_handler_that_does_not_read_makes_tcp_push_back() {
    const COUNT: usize = 400;
    let (_server, mut socket, mut session) = open(|layer| layer).await;
    // 25 MB: more than the socket buffers of both ends and the inbox.
    let padding = "x".repeat(64_000);
    let frames = (0..COUNT).map(|n| Frame::text(format!("[\"{n}\",\"{padding}\"]")));
    let bytes: Vec<u8> = frames.flat_map(|frame| frame.masked()).collect();

    let written = socket.write_until_blocked(&bytes).await;
    assert!(written < bytes.len(), "somebody buffers without limit");

    let read = async {
        for n in 0..COUNT {
            assert_eq!(received(&mut session).await, n.to_string());
            assert_eq!(received(&mut session).await, padding);
        }
    };
    tokio::join!(read, socket.write(&bytes[written..]));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_read_holds_no_more_than_the_receive_buffer() {
    const COUNT: usize = 100;
    let layer = SockJsLayer::new("/echo").receive_buffer(1000);
    let (layer, mut sessions) = Sessions::capture(layer);
    let mut socket = websocket_in_memory(Router::new().layer(layer), PATH, 1000).await;
    let mut session = sessions.next().await;
    let frames = (0..COUNT).map(|n| Frame::text(format!("[\"{n:200}\"]")));
    let bytes: Vec<u8> = frames.flat_map(|frame| frame.masked()).collect();

    let written = socket.write_until_blocked(&bytes).await;

    // The receive buffer, one payload above it, the link and the buffers of both ends of it.
    assert!(written < 10_000, "{written} bytes");
    let read = async {
        for n in 0..COUNT {
            assert_eq!(received(&mut session).await, format!("{n:200}"));
        }
    };
    tokio::join!(read, socket.write(&bytes[written..]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_as_slow() {
    let send_timeout = Duration::from_secs(10);
    let layer = SockJsLayer::new("/echo")
        .send_timeout(send_timeout)
        .send_buffer(1000);
    let (layer, mut sessions) = Sessions::capture(layer);
    let mut socket = websocket_in_memory(Router::new().layer(layer), PATH, 100).await;
    socket.expect("o").await;
    let session = sessions.next().await;
    let message = "x".repeat(500);

    session.send(&*message).await.unwrap();
    let (elapsed, ending) = support::timed(session.closed()).await;

    assert_eq!(ending.cause(), Cause::SlowClient);
    assert_eq!(ending.undelivered(), 1);
    assert!(
        elapsed >= send_timeout && elapsed < send_timeout * 2,
        "{elapsed:?}"
    );
    let error = session.send(message).await.unwrap_err();
    assert_eq!(error.into_message().len(), 500);
    socket.gone().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_as_slow_over_tcp() {
    let configure = |layer: SockJsLayer| {
        layer
            .send_timeout(Duration::from_millis(200))
            .send_buffer(1000)
    };
    let (_server, _socket, session) = open(configure).await;
    let message = "x".repeat(1_000_000);

    let mut accepted = 0;
    while session.send(&*message).await.is_ok() {
        accepted += 1;
        assert!(accepted < 64, "somebody buffers without limit");
    }

    let ending = ending(&session).await;
    assert_eq!(ending.cause(), Cause::SlowClient);
    assert!((1..=accepted).contains(&ending.undelivered()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_little_is_not_closed() {
    let layer = SockJsLayer::new("/echo").send_timeout(Duration::from_secs(10));
    let (layer, mut sessions) = Sessions::capture(layer);
    let mut socket = websocket_in_memory(Router::new().layer(layer), PATH, 100).await;
    socket.expect("o").await;
    let session = sessions.next().await;
    let message = "x".repeat(1000);

    session.try_send(&*message).unwrap();
    for _ in 0..9 {
        sleep(Duration::from_secs(9)).await;
        socket.readable().await;
    }

    assert_eq!(session.state(), SessionState::Open);
    socket.expect(&format!("a[\"{message}\"]")).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_send_buffer_makes_send_wait_and_try_send_fail() {
    let layer = SockJsLayer::new("/echo").send_buffer(1000);
    let (layer, mut sessions) = Sessions::capture(layer);
    let mut socket = websocket_in_memory(Router::new().layer(layer), PATH, 100).await;
    socket.expect("o").await;
    let session = sessions.next().await;
    let message = "x".repeat(400);

    // The first is on its way before the second comes, the others wait for it.
    session.send(&*message).await.unwrap();
    tokio::task::yield_now().await;
    let mut sent = 1;
    while let Ok(result) = timeout(Duration::from_secs(1), session.send(&*message)).await {
        result.unwrap();
        sent += 1;
        assert!(sent < 10, "the outbox has no limit");
    }
    let error = session.try_send(&*message).unwrap_err();
    assert_eq!(error, TrySendError::Full(message.clone().into()));

    let read = async {
        assert_eq!(
            socket.messages(sent + 1).await,
            vec![message.clone(); sent + 1]
        );
    };
    let (sent, ()) = tokio::join!(session.send(&*message), read);
    sent.unwrap();
}
