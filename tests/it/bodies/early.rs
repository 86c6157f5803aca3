//! A request that is answered before its body has arrived hears the answer, and keeps its connection.

use axum::Router;
use axum::routing::get;
use sockjs_axum::{Cause, SockJsLayer, Transport};
use support::{Client, Frozen, Server, Wire, ending, until};

fn long() -> Vec<u8> {
    vec![b' '; 1_500_000]
}

/// P66: Early answers.
#[tokio::test]
async fn every_refusal_is_heard_and_leaves_the_connection_open() {
    let layer = SockJsLayer::echo("/echo").max_sessions(1);
    let listed = SockJsLayer::echo("/listed").allowed_origins(["https://app.example"]);
    let polls = SockJsLayer::echo("/polls").transports([Transport::Xhr]);
    let inner = Router::new().route("/", get(|| async { "inner" }));
    let server = Server::start(inner.layer(layer).layer(listed).layer(polls)).await;
    let _session = Client::open(server.addr(), "/echo", Transport::Xhr).await;

    for (method, path, status) in [
        ("POST", "/echo/a/s/nothing", 404),
        ("POST", "/echo/nothing", 404),
        ("POST", "/echo/a/none/xhr_send", 404),
        ("POST", "/echo/a/none/jsonp_send", 404),
        ("POST", "/polls/a/none/xhr_streaming", 404),
        ("POST", "/echo", 405),
        ("POST", "/echo/info", 405),
        ("PUT", "/echo/a/s/xhr", 405),
        ("POST", "/echo/a/s/eventsource", 405),
        ("POST", "/echo/websocket", 405),
        ("GET", "/echo/websocket", 400),
        ("GET", "/echo/a/s/websocket", 400),
        ("POST", "/echo/a/new/xhr", 503),
        ("POST", "/echo/a/new/xhr_streaming", 503),
        ("GET", "/echo/a/new/jsonp?c=x", 503),
        ("GET", "/echo/a/new/jsonp", 500),
        ("POST", "/listed/a/s/xhr", 403),
        ("POST", "/listed/a/s/xhr_send", 403),
        // These are no refusals.
        ("GET", "/echo", 200),
        ("GET", "/echo/info", 200),
        ("GET", "/echo/iframe.html", 200),
        ("OPTIONS", "/echo/a/s/xhr", 204),
    ] {
        let mut connection = server.connect().await;
        for chunked in [false, true] {
            let request = connection.request(method, path);
            let request = request.header("Origin", "https://evil.example");
            let request = if chunked {
                request.chunks(long().chunks(10_000))
            } else {
                request.body(long())
            };
            let response = request.send().await;
            assert_eq!(response.status, status, "{method} {path}");
            assert_eq!(response.header("connection"), None, "{method} {path}");
            if status == 503 {
                assert_eq!(response.header("retry-after"), Some("5"));
            }
            response.bytes().await;
        }
        // The connection goes on.
        assert_eq!(connection.get("/echo").send().await.status, 200);
    }
}

/// P66: Early answers.
#[tokio::test]
async fn a_client_that_asks_first_is_spared_the_body() {
    let server = Server::echo(|layer| layer).await;
    for path in ["/echo/a/s/nothing", "/echo/a/none/xhr_send", "/echo/info"] {
        let mut connection = server.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
             Content-Length: 1500000\r\n\r\n"
        );
        connection.write(head).await;
        // Not 100.
        let response = connection.response("POST").await;
        assert!([404, 405].contains(&response.status), "{path}");
    }
}

/// P29: Large bodies.
#[tokio::test]
async fn a_body_that_is_too_long_hears_of_it_although_it_is_under_way() {
    let server = Server::echo(|layer| layer.body_limit(1_000_000)).await;
    let peer = server.peer();
    peer.open().await;
    for request in [
        peer.post("xhr_send").body(long()),
        peer.post("xhr_send").chunks(long().chunks(10_000)),
        peer.post("xhr").body(long()),
        peer.post("xhr_streaming").body(long()),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 413);
        assert_eq!(response.header("connection"), None);
        assert_eq!(response.text().await, "Request body too large.");
    }
    // The session does not notice.
    peer.send(r#"["x"]"#).await;
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}

/// P66: Early answers.
#[tokio::test]
async fn a_receive_request_whose_body_ends_later_keeps_its_connection() {
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(1)).await;
    for wire in Wire::ALL {
        let peer = server.peer();
        peer.open().await;
        let session = sessions.next().await;
        let mut connection = server.connect().await;
        for n in 0..3 {
            let path = peer.path(wire.endpoint());
            let head = format!("{} {path} HTTP/1.1\r\nHost: x\r\n", wire.method());
            connection
                .write(head + "Transfer-Encoding: chunked\r\n\r\n")
                .await;
            // The frame may come before or after the end of the body.
            if n == 0 {
                session.try_send("x").unwrap();
            }
            connection.write("0\r\n\r\n").await;
            if n > 0 {
                session.try_send("x").unwrap();
            }
            let mut response = connection.response(wire.method()).await;
            assert_eq!(response.status, 200, "{wire:?}");
            assert_eq!(response.header("connection"), None, "{wire:?}");
            wire.expect_prelude(&mut response).await;
            assert_eq!(response.text().await, wire.frame("a[\"x\"]"), "{wire:?}");
        }
        drop(session);
    }
}

/// P14: Lost receiver.
#[tokio::test]
async fn a_receiver_that_owes_its_body_is_missed_at_once() {
    let mut frozen = Frozen::start().await;
    for wire in Wire::ALL {
        for is_reset in [true, false] {
            let (mut client, session) = frozen.open(Transport::Xhr).await;
            let path = client.http().0.path(wire.endpoint());
            let mut connection = frozen.server.connect().await;
            let head = format!("{} {path} HTTP/1.1\r\nHost: x\r\n", wire.method());
            connection
                .write(head + "Content-Length: 100000\r\n\r\nx")
                .await;
            let addr = connection.local_addr();
            until("the receiver", || session.remote_addr() == Some(addr)).await;

            if is_reset {
                connection.reset();
            } else {
                drop(connection);
            }

            // The clock stands still.
            assert_eq!(
                ending(&session).await.cause(),
                Cause::ReceiverLost,
                "{wire:?}"
            );
        }
    }
}
