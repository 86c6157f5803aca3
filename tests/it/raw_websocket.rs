//! WebSocket without SockJS frames: a text frame is a message, both ways.

use std::time::Duration;

use axum::Router;
use sockjs_axum::{Cause, Message, Session, SockJsLayer, Transport};
use support::{
    Frame, Handshake, Opcode, Server, Sessions, WebSocket, received, websocket_in_memory, within,
};
use tokio::time::sleep;

use crate::websocket::assert_ended;

const PATH: &str = "/echo/websocket";

async fn open(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, WebSocket, Session) {
    let (server, mut sessions) = Server::capture(configure).await;
    let socket = server.websocket(PATH).open().await;
    let session = sessions.next().await;
    (server, socket, session)
}

/// P43: Raw messages.
#[tokio::test]
async fn a_message_is_a_text_frame_both_ways() {
    let server = Server::echo(|layer| layer).await;
    let mut socket = server.websocket(PATH).open().await;

    for message in [
        "hello",
        "",
        "[]",
        r#"["a","b"]"#,
        r#""a""#,
        "not JSON",
        " \u{0}\u{1f}\u{200c}\u{2028}\u{ffff}é€😀 ",
    ] {
        socket.send_text(message).await;
        socket.expect(message).await;
    }
}

/// P43: Raw messages.
#[tokio::test]
async fn waiting_messages_are_one_frame_each() {
    let (_server, mut socket, session) = open(|layer| layer).await;

    session.try_send("1").unwrap();
    session.try_send("2").unwrap();

    socket.expect("1").await;
    socket.expect("2").await;
}

#[tokio::test]
async fn the_handshake_has_the_headers_of_any_websocket() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    let socket = server.websocket(PATH).open().await;

    let accept = socket.headers.get("sec-websocket-accept");
    assert_eq!(accept, Some(Handshake::ACCEPT));
    assert_eq!(socket.headers.get("sec-websocket-protocol"), None);
    // The cookie is for URLs with a session in them.
    assert_eq!(socket.headers.get("set-cookie"), None);
}

#[tokio::test]
async fn an_invalid_handshake_is_refused() {
    let server = Server::echo(|layer| layer).await;

    for request in [
        server.get(PATH),
        server.websocket(PATH).without("Upgrade").request(),
        server.websocket(PATH).without("Connection").request(),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 400);
        assert_eq!(response.text().await, "Not a valid websocket request");
    }
    for name in ["Sec-WebSocket-Version", "Sec-WebSocket-Key"] {
        let request = server.websocket(PATH).header(name, "8").request();
        assert_eq!(request.send().await.status, 400, "{name}");
    }
    for method in ["POST", "OPTIONS", "HEAD"] {
        let request = server.websocket(PATH).method(method).request();
        let response = request.send().await;
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET"), "{method}");
        assert_eq!(response.header("content-type"), None, "{method}");
        assert_eq!(response.text().await, "", "{method}");
    }
}

#[tokio::test]
async fn a_disabled_raw_websocket_is_404() {
    let without_any = |layer: SockJsLayer| layer.websocket(false);
    let without_raw = |layer: SockJsLayer| {
        let all = Transport::ALL.iter().copied();
        layer.transports(all.filter(|it| *it != Transport::RawWebSocket))
    };
    for configure in [without_any, without_raw] {
        let server = Server::echo(configure).await;
        let handshake = server.websocket(PATH).request();
        assert_eq!(handshake.send().await.status, 404);
        assert_eq!(server.get(PATH).send().await.status, 404);
    }
}

#[tokio::test]
async fn a_frame_in_the_segment_of_the_handshake_is_not_lost() {
    let server = Server::echo(|layer| layer).await;

    let early = Frame::text("early").masked();
    let mut socket = server.websocket(PATH).followed_by(early).open().await;

    socket.expect("early").await;
}

#[tokio::test]
async fn a_message_may_be_binary_or_in_fragments() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket.send(Frame::new(Opcode::Binary, "é€😀")).await;
    socket.send(Frame::text("[1,").to_be_continued()).await;
    socket.send(Frame::new(Opcode::Continuation, "2]")).await;

    assert_eq!(received(&mut session).await, "é€😀");
    assert_eq!(received(&mut session).await, "[1,2]");
}

#[tokio::test]
async fn invalid_utf8_ends_the_connection() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        let (_server, mut socket, session) = open(|layer| layer).await;

        socket.send(Frame::new(opcode, &b"a\xff"[..])).await;

        socket.expect_close(1007, "Broken framing.").await;
        assert_ended(&session, Cause::ProtocolError, 1007, "Broken framing.").await;
    }
}

#[tokio::test]
async fn a_message_above_the_limit_ends_the_connection_with_1009() {
    let (_server, mut socket, mut session) = open(|layer| layer.message_limit(10)).await;

    socket.send_text("0123456789").await;
    socket.send_text("0123456789a").await;

    socket.expect_close(1009, "Message too long").await;
    assert_ended(&session, Cause::LimitExceeded, 1009, "Message too long").await;
    assert_eq!(received(&mut session).await, "0123456789");
    assert_eq!(within("the end", session.recv()).await, None);
}

/// P43: Raw messages.
#[tokio::test]
async fn a_close_by_the_server_is_a_close_frame_after_the_messages() {
    let (_server, mut socket, session) = open(|layer| layer).await;

    session.try_send("last").unwrap();
    session.close(3000, "Go away!");

    socket.expect("last").await;
    socket.expect_close(3000, "Go away!").await;
    socket.send(Frame::close(3000, "Go away!")).await;
    socket.ended().await;
    assert_ended(&session, Cause::ClosedByApp, 3000, "Go away!").await;
}

#[tokio::test]
async fn a_close_by_the_client_is_answered() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;
    let close = Frame::close(4321, "Over and out");

    socket.send_text("last").await;
    socket.send(close.clone()).await;

    assert_eq!(socket.frame().await, close);
    socket.ended().await;
    assert_ended(&session, Cause::ClosedByClient, 4321, "Over and out").await;
    assert_eq!(received(&mut session).await, "last");
    assert_eq!(within("the end", session.recv()).await, None);
}

#[tokio::test]
async fn a_reset_is_a_lost_receiver() {
    let (_server, socket, session) = open(|layer| layer).await;

    socket.reset();

    let reason = "Connection interrupted";
    assert_ended(&session, Cause::ReceiverLost, 1002, reason).await;
}

#[tokio::test]
async fn a_handler_ends_it_by_returning_or_by_a_panic() {
    let handler = |mut session: Session| async move {
        let message = session.recv().await;
        assert_ne!(message, Some(Message::from("panic")));
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let mut returning = server.websocket(PATH).open().await;
    let mut panicking = server.websocket(PATH).open().await;

    panicking.send_text("panic").await;
    panicking.expect_close(1011, "Internal error").await;
    returning.send_text("return").await;
    returning.expect_close(1000, "Normal closure").await;
}

/// P44: Raw heartbeats.
#[tokio::test(start_paused = true)]
async fn silence_causes_neither_a_heartbeat_nor_the_end() {
    let layer = SockJsLayer::new("/echo");
    let (layer, mut sessions) = Sessions::capture(layer);
    let router = Router::new().layer(layer);
    let mut socket = websocket_in_memory(router, PATH, 1024).await;
    let session = sessions.next().await;

    sleep(Duration::from_secs(24 * 60 * 60)).await;
    session.try_send("good morning").unwrap();

    socket.expect("good morning").await;
}

/// P44: Raw heartbeats.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_read_gets_pings() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo").receive_buffer(1));
    let router = Router::new().layer(layer);
    let mut socket = websocket_in_memory(router, PATH, 1024).await;
    let mut session = sessions.next().await;

    // The receive buffer is full after the first message.
    socket.send_text("one").await;
    socket.send_text("two").await;

    for _ in 0..3 {
        sleep(Duration::from_secs(25)).await;
        assert_eq!(socket.frame().await.opcode, Opcode::Ping);
    }
    assert_eq!(received(&mut session).await, "one");
    assert_eq!(received(&mut session).await, "two");
}

/// The memory that a long message takes is freed when nothing is left of it, and not while the messages
/// behind it wait for room.
#[tokio::test(start_paused = true)]
async fn messages_that_arrive_with_a_long_one_wait_for_room_with_it() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo").receive_buffer(1));
    let router = Router::new().layer(layer);
    let mut socket = websocket_in_memory(router, PATH, 64 * 1024).await;
    let mut session = sessions.next().await;
    for _ in 0..2 {
        let texts = ["x".repeat(300), "short".into()];
        let frames = texts
            .iter()
            .map(|text| Frame::new(Opcode::Text, text.clone()).masked());
        socket.write(&frames.collect::<Vec<_>>().concat()).await;
        sleep(Duration::from_secs(1)).await;
        for text in texts {
            assert_eq!(received(&mut session).await, text);
        }
    }
}

/// tungstenite is dropped when a connection is idle, and not in the middle of a message.
#[tokio::test(start_paused = true)]
async fn a_message_may_arrive_in_parts_with_long_silences_between() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let router = Router::new().layer(layer);
    let mut socket = websocket_in_memory(router, PATH, 64 * 1024).await;
    let mut session = sessions.next().await;
    let begins = Frame::new(Opcode::Text, "one ").to_be_continued().masked();
    let ends = Frame::new(Opcode::Continuation, "two").masked();
    let whole = Frame::new(Opcode::Text, "x".repeat(300)).masked();

    for _ in 0..2 {
        for parts in [
            [&begins[..], &ends[..]],
            [&whole[..1], &whole[1..]],
            [&whole[..5], &whole[5..]],
            [&whole[..100], &whole[100..]],
        ] {
            for part in parts {
                socket.write(part).await;
                // There is a heartbeat every 25 seconds.
                sleep(Duration::from_secs(90)).await;
            }
            let text = received(&mut session).await;
            assert!(text == "one two" || text == "x".repeat(300));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_as_slow() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let router = Router::new().layer(layer);
    let _socket = websocket_in_memory(router, PATH, 100).await;
    let session = sessions.next().await;

    session.try_send("x".repeat(1000)).unwrap();

    let (_, ending) = support::timed(session.closed()).await;
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::SlowClient, 1)
    );
}

#[tokio::test]
async fn the_application_sees_the_transport_websocket_raw() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    let _one = server.websocket("/echo/websocket?room=7").open().await;
    let one = sessions.next().await;
    let _two = server.websocket("/echo/websocket/").open().await;
    let two = sessions.next().await;

    assert_eq!(one.transport(), Transport::RawWebSocket);
    assert_eq!((one.prefix(), one.path()), ("/echo", PATH));
    assert_eq!(one.uri().query(), Some("room=7"));
    assert_ne!(one.id(), two.id());
}
