//! Handshakes and their answers.

use axum::body::Body;
use sockjs_axum::SockJsLayer;
use support::{Frame, Handshake, Server, Wire, unique_path};
use tower::ServiceExt as _;

use super::PATH;

type Change = fn(Handshake) -> Handshake;

/// P32: Handshake.
#[tokio::test]
async fn an_upgrade_is_answered_with_these_headers_and_no_others() {
    let server = Server::echo(|layer| layer).await;

    let socket = server.websocket(PATH).open().await;

    let names = [
        "cache-control",
        "connection",
        "date",
        "sec-websocket-accept",
        "upgrade",
        "x-content-type-options",
    ];
    assert_eq!(socket.headers.names(), names);
    assert_eq!(socket.headers.list("connection"), ["upgrade"]);
    assert_eq!(socket.headers.get("upgrade"), Some("websocket"));
    let accept = socket.headers.get("sec-websocket-accept");
    assert_eq!(accept, Some(Handshake::ACCEPT));
}

#[tokio::test]
async fn upgrade_may_be_one_of_several_tokens() {
    let changes: [Change; 6] = [
        |it| it.header("Connection", "keep-alive, Upgrade"),
        |it| it.header("Connection", "upgrade,keep-alive"),
        |it| it.and_header("Connection", "keep-alive"),
        |it| {
            it.header("Connection", "keep-alive")
                .and_header("Connection", "UPGRADE")
        },
        |it| it.header("Upgrade", "WebSocket"),
        |it| it.header("Upgrade", "h2c, websocket"),
    ];
    let server = Server::echo(|layer| layer).await;

    for change in changes {
        let mut socket = change(server.websocket(PATH)).open().await;
        socket.expect("o").await;
    }
}

/// P32: Handshake.
#[tokio::test]
async fn no_subprotocol_and_no_extension_is_chosen() {
    let server = Server::echo(|layer| layer).await;

    let handshake = server
        .websocket(PATH)
        .header("Sec-WebSocket-Protocol", "stomp, chat")
        .header("Sec-WebSocket-Extensions", "permessage-deflate");
    let mut socket = handshake.open().await;

    assert_eq!(socket.headers.get("sec-websocket-protocol"), None);
    assert_eq!(socket.headers.get("sec-websocket-extensions"), None);
    socket.expect("o").await;
}

/// P32: Handshake.
#[tokio::test]
async fn a_request_without_upgrade_is_400() {
    let changes: [Change; 7] = [
        |it| it.without("Upgrade").without("Connection"),
        |it| it.without("Upgrade"),
        |it| it.without("Connection"),
        |it| it.header("Connection", "keep-alive"),
        |it| it.header("Connection", "upgraded"),
        |it| it.header("Upgrade", "h2c"),
        |it| it.header("Upgrade", "websockets"),
    ];
    let server = Server::echo(|layer| layer).await;

    for (n, change) in changes.into_iter().enumerate() {
        let response = change(server.websocket(PATH)).request().send().await;
        assert_eq!(response.status, 400, "change {n}");
        let content_type = response.header("content-type");
        assert_eq!(content_type, Some("text/plain; charset=UTF-8"));
        assert_eq!(response.text().await, "Not a valid websocket request");
    }
}

#[tokio::test]
async fn an_http10_request_is_not_upgraded() {
    let server = Server::echo(|layer| layer).await;

    let response = server.websocket(PATH).request().http10().send().await;

    assert_eq!(response.status, 400);
    assert_eq!(response.text().await, "Not a valid websocket request");
}

/// P32: Handshake.
#[tokio::test]
async fn another_version_is_400_that_says_so() {
    let changes: [Change; 5] = [
        |it| it.without("Sec-WebSocket-Version"),
        |it| it.header("Sec-WebSocket-Version", "8"),
        |it| it.header("Sec-WebSocket-Version", "14"),
        |it| it.header("Sec-WebSocket-Version", "013"),
        |it| it.header("Sec-WebSocket-Version", ""),
    ];
    let server = Server::echo(|layer| layer).await;

    for (n, change) in changes.into_iter().enumerate() {
        let response = change(server.websocket(PATH)).request().send().await;
        assert_eq!(response.status, 400, "change {n}");
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
        let text = response.text().await;
        assert_eq!(text, "Only websocket version 13 is supported");
    }
}

/// P32: Handshake.
#[tokio::test]
async fn a_missing_or_invalid_key_is_400_that_says_so() {
    let changes: [Change; 6] = [
        |it| it.without("Sec-WebSocket-Key"),
        |it| it.header("Sec-WebSocket-Key", ""),
        |it| it.header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA"),
        |it| it.header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        |it| it.header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAA!=="),
        |it| it.header("Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAA\xe9=="),
    ];
    let server = Server::echo(|layer| layer).await;

    for (n, change) in changes.into_iter().enumerate() {
        let response = change(server.websocket(PATH)).request().send().await;
        assert_eq!(response.status, 400, "change {n}");
        let text = response.text().await;
        assert_eq!(text, "\"Sec-WebSocket-Key\" header missing or invalid");
    }
}

#[tokio::test]
async fn another_method_is_405() {
    let server = Server::echo(|layer| layer).await;

    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"] {
        let handshake = server.websocket(PATH).method(method);
        let plain = server.request(method, PATH);
        for request in [handshake.request(), plain] {
            let response = request.send().await;
            assert_eq!(response.status, 405, "{method}");
            assert_eq!(response.header("allow"), Some("GET"), "{method}");
            assert_eq!(response.header("content-type"), None, "{method}");
            assert_eq!(response.text().await, "", "{method}");
        }
    }
}

#[tokio::test]
async fn a_disabled_websocket_is_404() {
    let server = Server::echo(|layer| layer.websocket(false)).await;

    for request in [
        server.websocket(PATH).request(),
        server.websocket(PATH).method("POST").request(),
        server.get(PATH),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 404);
        assert_eq!(response.text().await, "");
    }
    assert_eq!(server.peer().poll().await, "o\n");
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_open() {
    let server = Server::echo(|layer| layer).await;
    let mut connection = server.connect().await;
    let unsupported = server.websocket(PATH).header("Sec-WebSocket-Version", "8");
    let unsupported = unsupported.request().to_bytes();

    for _ in 0..3 {
        connection.write(&unsupported).await;
        let response = connection.response("GET").await;
        assert_eq!(response.status, 400);
        response.text().await;
    }

    let greeting = connection.get("/echo").send().await;
    assert_eq!(greeting.text().await, "Welcome to SockJS!\n");
}

#[tokio::test]
async fn a_trailing_slash_is_tolerated() {
    let server = Server::echo(|layer| layer).await;

    let mut socket = server.websocket(&format!("{PATH}/")).open().await;

    socket.expect("o").await;
}

/// P32: Handshake.
#[tokio::test]
async fn frames_in_the_segment_of_the_handshake_are_not_lost() {
    let server = Server::echo(|layer| layer).await;
    let frames = [Frame::text(r#"["a"]"#), Frame::text(r#"["b"]"#)];
    let mut early: Vec<u8> = frames.iter().flat_map(Frame::masked).collect();
    let late = early.split_off(early.len() - 3);

    let mut socket = server.websocket(PATH).followed_by(early).open().await;

    socket.expect("o").await;
    socket.expect(r#"a["a"]"#).await;
    socket.write(late).await;
    socket.expect(r#"a["b"]"#).await;
}

#[tokio::test]
async fn the_open_frame_comes_first_even_if_a_broken_frame_came_with_the_handshake() {
    let server = Server::echo(|layer| layer).await;
    let broken = Frame::text("broken").masked();
    let close = Frame::close(4321, "");

    let handshake = server.websocket(PATH).followed_by(broken);
    let mut socket = handshake.open().await;
    socket.expect("o").await;
    socket.expect_close(1007, "Broken framing.").await;

    let handshake = server.websocket(PATH).followed_by(close.masked());
    let mut socket = handshake.open().await;
    socket.expect("o").await;
    assert_eq!(socket.frame().await, close);
}

/// P35: One session per connection.
#[tokio::test]
async fn the_same_session_id_twice_is_two_sessions() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let path = unique_path("/echo");
    let mut streaming = server.peer_at(&*path).receiver(Wire::XhrStreaming);
    streaming.expect("o").await;
    let over_xhr = sessions.next().await;

    let path = format!("{path}/websocket");
    let mut one = server.websocket(&path).open().await;
    one.expect("o").await;
    let at_one = sessions.next().await;
    let mut two = server.websocket(&path).open().await;
    two.expect("o").await;
    let at_two = sessions.next().await;

    assert_ne!(at_one.id(), at_two.id());
    at_two.close(3000, "Go away!");
    two.expect(r#"c[3000,"Go away!"]"#).await;
    at_one.try_send("still here").unwrap();
    one.expect(r#"a["still here"]"#).await;
    over_xhr.try_send("here, too").unwrap();
    streaming.expect(r#"a["here, too"]"#).await;
}

#[tokio::test]
async fn the_cookie_comes_with_every_answer_when_enabled() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    let socket = server.websocket(PATH).open().await;
    let cookie = socket.headers.get("set-cookie");
    assert_eq!(cookie, Some("JSESSIONID=dummy; path=/"));

    let handshake = server.websocket(PATH);
    let handshake = handshake.header("Cookie", "a=b; JSESSIONID=abc; c=d");
    let socket = handshake.open().await;
    let cookie = socket.headers.get("set-cookie");
    assert_eq!(cookie, Some("JSESSIONID=abc; path=/"));

    let refused = server.websocket(PATH).without("Upgrade").request();
    let refused = refused.send().await;
    let cookie = refused.header("set-cookie");
    assert_eq!(cookie, Some("JSESSIONID=dummy; path=/"));
}

#[tokio::test]
async fn a_session_above_max_sessions_is_503_until_there_is_room() {
    let (server, mut sessions) = Server::capture_alone(|layer| layer.max_sessions(1)).await;
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;

    let response = server.websocket(PATH).request().send().await;

    assert_eq!(response.status, 503);
    sessions.next().await.close(3000, "Go away!");
    socket.expect(r#"c[3000,"Go away!"]"#).await;
    drop(socket);
    let mut refused = response.status;
    while refused == 503 {
        refused = server.websocket(PATH).request().send().await.status;
    }
    assert_eq!(refused, 101);
}

#[tokio::test]
async fn a_server_that_cannot_upgrade_refuses() {
    let service = SockJsLayer::new("/echo").into_service();
    let request = http::Request::get(PATH)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Body::empty())
        .expect("a valid request");

    let response = service.oneshot(request).await.expect("it does not fail");

    assert_eq!(response.status(), 400);
}
