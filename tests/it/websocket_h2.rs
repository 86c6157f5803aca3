//! WebSocket over a stream of an HTTP/2 connection: RFC 8441.

use std::net::SocketAddr;

use http::{Method, Request, StatusCode};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Frame, Http2, Server, Sessions, ending, received};
use tokio::net::TcpListener;

use crate::websocket::{PATH, assert_ended};

/// A server of one layer without axum, whose sessions the test holds.
async fn hyper_server() -> (SocketAddr, Sessions) {
    let (layer, sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let addr = listener.local_addr().expect("the socket is bound");
    tokio::spawn(async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(layer.clone().into_service());
            let builder = builder.clone();
            tokio::spawn(async move {
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                connection.await.ok();
            });
        }
    });
    (addr, sessions)
}

async fn refused(client: &Http2, request: Request<()>) -> StatusCode {
    client.send(request).await.status()
}

#[tokio::test]
async fn a_websocket_is_a_stream_without_axum() {
    let (addr, mut sessions) = hyper_server().await;
    let client = Http2::connect(addr).await;
    assert!(client.allows_extended_connect());

    let mut socket = client.websocket(PATH).await;

    socket.expect("o").await;
    let mut session = sessions.next().await;
    socket.send_text(r#"["a","b"]"#).await;
    assert_eq!(received(&mut session).await, "a");
    assert_eq!(received(&mut session).await, "b");
    session.try_send("c").unwrap();
    socket.expect(r#"a["c"]"#).await;
}

/// P33: Handshake over HTTP/2.
#[tokio::test]
async fn the_answer_is_200_with_these_headers_and_no_others() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;
    let client = Http2::connect(server.addr()).await;

    let response = client.send(Http2::connect_request("websocket", PATH)).await;

    assert_eq!(response.status(), 200);
    let mut names: Vec<_> = response.headers().keys().map(|it| it.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "cache-control",
        "date",
        "set-cookie",
        "x-content-type-options",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn websockets_and_requests_share_a_connection() {
    let server = Server::echo(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;

    let mut sockets = Vec::new();
    for _ in 0..10 {
        let mut socket = client.websocket(PATH).await;
        socket.expect("o").await;
        sockets.push(socket);
    }
    let info = Request::get("http://localhost/echo/info").body(()).unwrap();
    assert_eq!(client.send(info).await.status(), 200);
    for (n, socket) in sockets.iter_mut().enumerate() {
        socket.send_text(format!("[\"{n}\"]")).await;
    }
    for (n, socket) in sockets.iter_mut().enumerate() {
        socket.expect(&format!("a[\"{n}\"]")).await;
    }
}

#[tokio::test]
async fn a_close_by_the_server_ends_the_stream_and_nothing_else() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;
    let mut other = client.websocket(PATH).await;
    other.expect("o").await;
    let other_session = sessions.next().await;
    let mut socket = client.websocket(PATH).await;
    socket.expect("o").await;
    let session = sessions.next().await;

    session.try_send("last").unwrap();
    session.close(3000, "Go away!");

    socket.expect(r#"a["last"]"#).await;
    socket.expect(r#"c[3000,"Go away!"]"#).await;
    socket.expect_close(3000, "Go away!").await;
    socket.send(Frame::close(3000, "Go away!")).await;
    socket.ended().await;
    assert_ended(&session, Cause::ClosedByApp, 3000, "Go away!").await;
    other_session.try_send("x").unwrap();
    other.expect(r#"a["x"]"#).await;
}

#[tokio::test]
async fn a_close_by_the_client_is_answered_and_ends_the_stream() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;
    let mut socket = client.websocket(PATH).await;
    socket.expect("o").await;
    let session = sessions.next().await;

    socket.send(Frame::close(4321, "Over and out")).await;

    socket.expect_close(4321, "Over and out").await;
    socket.ended().await;
    assert_ended(&session, Cause::ClosedByClient, 4321, "Over and out").await;
}

#[tokio::test]
async fn a_reset_stream_and_an_ended_one_are_lost_receivers() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;
    let mut other = client.websocket(PATH).await;
    other.expect("o").await;
    let other_session = sessions.next().await;

    let mut reset = client.websocket(PATH).await;
    reset.expect("o").await;
    reset.reset();
    let session = sessions.next().await;
    assert_eq!(ending(&session).await.cause(), Cause::ReceiverLost);

    let mut ended = client.websocket(PATH).await;
    ended.expect("o").await;
    ended.half_close().await;
    let session = sessions.next().await;
    assert_eq!(ending(&session).await.cause(), Cause::ReceiverLost);

    other_session.try_send("x").unwrap();
    other.expect(r#"a["x"]"#).await;
}

/// P33: Handshake over HTTP/2.
#[tokio::test]
async fn an_invalid_handshake_is_refused() {
    let server = Server::echo(|layer| layer.message_limit(10)).await;
    let client = Http2::connect(server.addr()).await;

    let mut unversioned = Http2::connect_request("websocket", PATH);
    unversioned.headers_mut().remove("sec-websocket-version");
    assert_eq!(refused(&client, unversioned).await, 400);
    let get = Request::get(format!("http://localhost{PATH}"));
    assert_eq!(refused(&client, get.body(()).unwrap()).await, 400);
    let other_protocol = Http2::connect_request("chat", PATH);
    assert_eq!(refused(&client, other_protocol).await, 405);
    let post = Request::post(format!("http://localhost{PATH}"));
    assert_eq!(refused(&client, post.body(()).unwrap()).await, 405);
}

#[tokio::test]
async fn connect_to_another_url_is_refused() {
    let server = Server::echo(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;

    for (path, status) in [
        ("/echo", 405),
        ("/echo/info", 405),
        ("/echo/000/abc/xhr", 405),
        ("/echo/000/abc/eventsource", 405),
        ("/echo/nothing", 404),
        ("/elsewhere", 404),
    ] {
        let request = Http2::connect_request("websocket", path);
        assert_eq!(refused(&client, request).await, status, "{path}");
    }
}

#[tokio::test]
async fn a_disabled_websocket_is_404() {
    let server = Server::echo(|layer| layer.websocket(false)).await;
    let client = Http2::connect(server.addr()).await;

    for path in [PATH, "/echo/websocket"] {
        let request = Http2::connect_request("websocket", path);
        assert_eq!(refused(&client, request).await, 404);
    }
}

#[tokio::test]
async fn an_extractor_may_reject_it() {
    let handler = |_: axum::extract::Path<u32>, _: Session| async {};
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let client = Http2::connect(server.addr()).await;

    let request = Http2::connect_request("websocket", PATH);
    let status = refused(&client, request).await;

    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_raw_websocket_is_a_stream_as_well() {
    let server = Server::echo(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;

    let mut socket = client.websocket("/echo/websocket").await;
    socket.send_text("hello").await;

    socket.expect("hello").await;
}

#[tokio::test]
async fn a_message_above_the_limit_ends_the_stream_with_1009() {
    let server = Server::echo(|layer| layer.body_limit(10)).await;
    let client = Http2::connect(server.addr()).await;
    let mut socket = client.websocket(PATH).await;
    socket.expect("o").await;

    socket.send_text(r#"["0123456789"]"#).await;

    socket.expect_close(1009, "Message too long").await;
}

#[tokio::test]
async fn a_handler_that_does_not_read_closes_the_window_of_its_stream_only() {
    const COUNT: usize = 100;
    let (server, mut sessions) = Server::capture(|layer| layer.receive_buffer(1000)).await;
    let client = Http2::connect(server.addr()).await;
    let mut socket = client.websocket(PATH).await;
    socket.expect("o").await;
    let mut session = sessions.next().await;
    let frames = (0..COUNT).map(|n| Frame::text(format!("[\"{n:50000}\"]")));
    let bytes: Vec<u8> = frames.flat_map(|frame| frame.masked()).collect();

    let written = socket.write_until_blocked(&bytes).await;
    assert!(written < bytes.len(), "somebody buffers without limit");

    let info = Request::get("http://localhost/echo/info").body(()).unwrap();
    assert_eq!(client.send(info).await.status(), 200);
    let read = async {
        for n in 0..COUNT {
            assert_eq!(received(&mut session).await, format!("{n:50000}"));
        }
    };
    tokio::join!(read, socket.write(&bytes[written..]));
}

#[tokio::test]
async fn connect_without_a_protocol_is_not_a_handshake() {
    let server = Server::echo(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;

    // A proxy's CONNECT has an authority and no path.
    let connect = Request::builder().method(Method::CONNECT);
    let connect = connect.uri("localhost:80").body(()).unwrap();

    assert_eq!(refused(&client, connect).await, 404);
    assert_eq!(client.websocket(PATH).await.text().await, "o");
}
