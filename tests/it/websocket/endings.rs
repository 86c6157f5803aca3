//! How a session ends, and what client and application get.

use std::time::Duration;

use axum::Router;
use sockjs_axum::{Cause, Session, SessionState, SockJsLayer, TrySendError};
use support::{
    Frame, Opcode, Sessions, WebSocket, ending, received, timed, websocket_in_memory, within,
};
use tokio::io::DuplexStream;

use super::{PATH, assert_ended, open};

#[derive(Clone, Copy)]
enum Side {
    Server,
    Client,
}

async fn open_in_memory() -> (WebSocket<DuplexStream>, Session) {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let router = Router::new().layer(layer);
    let mut socket = websocket_in_memory(router, PATH, 64 * 1024).await;
    socket.expect("o").await;
    (socket, sessions.next().await)
}

/// P39: Close by the server.
#[tokio::test]
async fn a_close_by_the_server_comes_after_the_messages_before_it() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    session.try_send("1").unwrap();
    session.try_send("2").unwrap();
    session.close(3000, "Go away!");
    session.close(4000, "Too late");
    assert_eq!(session.state(), SessionState::Closing);

    socket.expect(r#"a["1","2"]"#).await;
    socket.expect(r#"c[3000,"Go away!"]"#).await;
    socket.expect_close(3000, "Go away!").await;
    assert_ended(&session, Cause::ClosedByApp, 3000, "Go away!").await;
    assert_eq!(ending(&session).await.undelivered(), 0);
    assert_eq!(within("the end", session.recv()).await, None);
}

#[tokio::test]
async fn the_server_ends_the_connection_once_its_close_is_answered() {
    let (_server, mut socket, session) = open(|layer| layer).await;
    session.close(3000, "Go away!");
    socket.expect(r#"c[3000,"Go away!"]"#).await;
    socket.expect_close(3000, "Go away!").await;

    socket.send(Frame::close(3000, "Go away!")).await;

    socket.ended().await;
}

/// Browsers wait two seconds for the server to do so, and the page gets no close event before.
#[tokio::test(start_paused = true)]
async fn the_server_does_not_wait_once_both_have_closed() {
    for first in [Side::Server, Side::Client] {
        let (mut socket, session) = open_in_memory().await;
        match first {
            Side::Server => {
                session.close(3000, "Go away!");
                socket.expect(r#"c[3000,"Go away!"]"#).await;
                socket.expect_close(3000, "Go away!").await;
                socket.send(Frame::close(3000, "Go away!")).await;
            }
            Side::Client => {
                socket.send(Frame::close(3000, "Go away!")).await;
                socket.expect_close(3000, "Go away!").await;
            }
        }

        let (waited, ()) = timed(socket.ended()).await;

        assert_eq!(waited, Duration::ZERO);
    }
}

/// The ping has all frames read at once.
#[tokio::test(start_paused = true)]
async fn a_close_behind_a_refused_message_is_not_forgotten() {
    let (mut socket, _session) = open_in_memory().await;
    let frames = [
        Frame::new(Opcode::Ping, ""),
        Frame::text("x"),
        Frame::close(1000, ""),
    ];
    socket
        .write(frames.map(|frame| frame.masked()).concat())
        .await;
    assert_eq!(socket.frame().await, Frame::new(Opcode::Pong, ""));
    socket.expect_close(1007, "Broken framing.").await;

    let (waited, ()) = timed(socket.ended()).await;

    assert_eq!(waited, Duration::ZERO);
}

/// Limit: time for a WebSocket client to close its side
#[tokio::test(start_paused = true)]
async fn an_unanswered_close_ends_the_connection_after_a_timeout() {
    let (mut socket, session) = open_in_memory().await;

    session.close(3000, "Go away!");

    socket.expect(r#"c[3000,"Go away!"]"#).await;
    socket.expect_close(3000, "Go away!").await;
    socket.gone().await;
}

#[tokio::test(start_paused = true)]
async fn an_unread_close_ends_the_session() {
    let layer = SockJsLayer::new("/echo").send_timeout(Duration::from_secs(10));
    let (layer, mut sessions) = Sessions::capture(layer);
    let router = Router::new().layer(layer);
    let _socket = websocket_in_memory(router, PATH, 100).await;
    let session = sessions.next().await;

    session.try_send("x".repeat(1000)).unwrap();
    session.close(3000, "Go away!");

    let (_, ending) = timed(session.closed()).await;
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::ClosedByApp, 1)
    );
    assert_eq!(ending.reason().code(), 3000);
}

#[tokio::test]
async fn messages_after_a_close_are_not_delivered() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;
    session.close(3000, "Go away!");
    socket.expect(r#"c[3000,"Go away!"]"#).await;
    socket.expect_close(3000, "Go away!").await;

    socket.send_text(r#"["late"]"#).await;
    socket.send_text("broken").await;
    socket.send(Frame::close(3000, "")).await;

    socket.gone().await;
    assert_eq!(within("the end", session.recv()).await, None);
    assert_ended(&session, Cause::ClosedByApp, 3000, "Go away!").await;
}

/// P39: Close by the server.
#[tokio::test]
async fn a_code_not_allowed_on_the_wire_is_in_the_c_frame_only() {
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 2010, 2999, 5000, 65535,
    ] {
        let (_server, mut socket, session) = open(|layer| layer).await;
        session.close(code, "Why not");
        socket.expect(&format!(r#"c[{code},"Why not"]"#)).await;
        socket.expect_close(1000, "Why not").await;
    }
    for code in [1000, 1001, 1008, 1011, 3000, 3999, 4000, 4999] {
        let (_server, mut socket, session) = open(|layer| layer).await;
        session.close(code, "Why not");
        socket.expect(&format!(r#"c[{code},"Why not"]"#)).await;
        socket.expect_close(code, "Why not").await;
    }
}

/// P39: Close by the server.
/// Limit: reason in a WebSocket close frame
#[tokio::test]
async fn a_long_reason_is_cut_between_characters_in_the_close_frame_only() {
    let (_server, mut socket, session) = open(|layer| layer).await;
    let reason = "é".repeat(100);

    session.close(3000, reason.clone());

    socket.expect(&format!(r#"c[3000,"{reason}"]"#)).await;
    socket.expect_close(3000, &reason[..122]).await;
    assert_ended(&session, Cause::ClosedByApp, 3000, &reason).await;
}

#[tokio::test]
async fn a_reason_is_quoted_in_the_c_frame() {
    let (_server, mut socket, session) = open(|layer| layer).await;
    let reason = "\"]\\\n\u{2028}é";

    session.close(3000, reason);

    socket.expect(r#"c[3000,"\"]\\\n\u2028é"]"#).await;
    socket.expect_close(3000, reason).await;
}

/// P40: Close by the client.
#[tokio::test]
async fn a_close_by_the_client_is_answered_and_ends_the_connection() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;
    let close = Frame::close(4321, "Over and out");

    let message = Frame::text(r#"["last"]"#);
    socket
        .write([message.masked(), close.masked()].concat())
        .await;

    assert_eq!(socket.frame().await, close);
    socket.ended().await;
    assert_ended(&session, Cause::ClosedByClient, 4321, "Over and out").await;
    assert_eq!(ending(&session).await.undelivered(), 0);
    assert_eq!(received(&mut session).await, "last");
    assert_eq!(within("the end", session.recv()).await, None);
}

#[tokio::test]
async fn a_close_by_the_client_needs_no_code() {
    let (_server, mut socket, session) = open(|layer| layer).await;
    let close = Frame::new(Opcode::Close, "");

    socket.send(close.clone()).await;

    assert_eq!(socket.frame().await, close);
    assert_ended(&session, Cause::ClosedByClient, 1005, "").await;
}

#[tokio::test]
async fn a_close_by_the_client_with_a_code_not_allowed_is_a_violation() {
    for close in [
        Frame::close(999, ""),
        Frame::close(1005, ""),
        Frame::close(1006, "What"),
        Frame::new(Opcode::Close, "x"),
    ] {
        let (_server, mut socket, mut session) = open(|layer| layer).await;
        socket.send(close).await;
        let answer = socket.frame().await;
        assert_eq!(answer.opcode, Opcode::Close);
        assert_eq!(&answer.payload[..2], 1002_u16.to_be_bytes());
        assert_eq!(within("the end", session.recv()).await, None);
    }
}

#[tokio::test]
async fn a_close_by_the_client_within_a_message_delivers_nothing_of_it() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket.send(Frame::text(r#"["x"]"#).to_be_continued()).await;
    socket.send(Frame::close(1000, "")).await;

    assert_eq!(socket.frame().await, Frame::close(1000, ""));
    assert_ended(&session, Cause::ClosedByClient, 1000, "").await;
    assert_eq!(within("the end", session.recv()).await, None);
}

#[tokio::test]
async fn a_lost_connection_is_a_lost_receiver() {
    for lose in 0..3 {
        let (_server, mut socket, mut session) = open(|layer| layer).await;
        socket.send_text(r#"["last"]"#).await;
        assert_eq!(received(&mut session).await, "last");

        let kept = match lose {
            0 => {
                drop(socket);
                None
            }
            1 => {
                socket.reset();
                None
            }
            _ => {
                socket.half_close().await;
                Some(socket)
            }
        };

        let reason = "Connection interrupted";
        assert_ended(&session, Cause::ReceiverLost, 1002, reason).await;
        assert_eq!(within("the end", session.recv()).await, None);
        assert_eq!(session.state(), SessionState::Closed);
        drop(kept);
    }
}

#[tokio::test]
async fn sending_to_an_ended_session_returns_the_message() {
    let (_server, socket, session) = open(|layer| layer).await;
    drop(socket);
    ending(&session).await;

    let error = session.send("a").await.unwrap_err();
    assert_eq!(error.into_message(), "a");
    let error = session.try_send("b").unwrap_err();
    assert_eq!(error, TrySendError::Closed("b".into()));
}

#[tokio::test]
async fn messages_that_a_lost_client_did_not_read_are_undelivered() {
    const COUNT: usize = 2000;
    // All of them are one frame.
    let configure = |layer: SockJsLayer| layer.send_buffer(1 << 30).frame_limit(1 << 30);
    let (_server, mut socket, session) = open(configure).await;
    session.try_send("delivered").unwrap();
    socket.expect(r#"a["delivered"]"#).await;

    // More than the kernel takes.
    let message = "x".repeat(20_000);
    for _ in 0..COUNT {
        session.try_send(&*message).unwrap();
    }
    socket.readable().await;
    socket.reset();

    assert_eq!(ending(&session).await.undelivered(), COUNT);
}
