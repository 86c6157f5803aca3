//! The transports over HTTP/2.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockjs_axum::Cause;
use support::{Peer, Server, Wire, ending, received, within};
use tokio::net::TcpStream;

use crate::receive::GO_AWAY;

/// Connects with HTTP/2, as a client that knows the server speaks it.
async fn http2(server: &Server) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(server.addr())
        .await
        .expect("the server listens");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (client, connection) = handshake.expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    client
}

async fn send(
    client: &mut http2::SendRequest<Full<Bytes>>,
    (method, peer, endpoint): (&str, &Peer, &str),
    body: &str,
) -> http::Response<Incoming> {
    let request = Request::builder().method(method);
    let request = request.uri(format!("http://localhost{}", peer.path(endpoint)));
    let request = request
        .body(Full::from(body.to_owned()))
        .expect("a valid request");
    within("an HTTP/2 response", client.send_request(request))
        .await
        .expect("a response")
}

/// Reads as many bytes of a body as are expected.
async fn expect(body: &mut Incoming, expected: &str) {
    let mut bytes = Vec::new();
    while bytes.len() < expected.len() {
        let frame = within("a frame", body.frame())
            .await
            .expect("the body goes on");
        bytes.extend(
            frame
                .expect("the stream is open")
                .into_data()
                .expect("no trailers"),
        );
    }
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
}

async fn rest(body: Incoming) -> String {
    let rest = within("the body's end", body.collect())
        .await
        .expect("the stream ends well");
    String::from_utf8(rest.to_bytes().to_vec()).expect("UTF-8")
}

/// P59: HTTP/2.
#[tokio::test]
async fn every_transport_works_over_http2() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let mut client = http2(&server).await;

    for wire in Wire::ALL {
        let peer = server.peer();
        let response = send(&mut client, (wire.method(), &peer, wire.endpoint()), "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], wire.content_type());
        assert!(
            rest(response.into_body()).await.ends_with(&wire.frame("o")),
            "{wire:?}"
        );

        let xhr_send = send(&mut client, ("POST", &peer, "xhr_send"), r#"["x"]"#).await;
        assert_eq!(xhr_send.status(), 204);
        let jsonp_send = send(&mut client, ("POST", &peer, "jsonp_send"), r#"["y"]"#).await;
        assert_eq!(rest(jsonp_send.into_body()).await, "ok");
        assert_eq!(peer.receiver(wire).messages(2).await, ["x", "y"]);
    }
}

#[tokio::test]
async fn the_uri_of_a_session_is_absolute_over_http2() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = http2(&server).await;
    let peer = server.peer();

    send(&mut client, ("POST", &peer, "xhr"), "").await;
    let over_http2 = sessions.next().await;
    server.peer().open().await;
    let over_http1 = sessions.next().await;

    assert_eq!(over_http2.uri(), "http://localhost/echo/000/-/xhr");
    assert_eq!(over_http1.uri(), "/echo/000/-/xhr");
    assert_eq!(over_http2.path(), over_http1.path());
}

#[tokio::test]
async fn streams_share_an_http2_connection() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = http2(&server).await;
    let prelude = "h".repeat(2048) + "\n";

    let mut streams = Vec::new();
    for _ in 0..20 {
        let peer = server.peer();
        let response = send(&mut client, ("POST", &peer, "xhr_streaming"), "").await;
        let mut body = response.into_body();
        expect(&mut body, &prelude).await;
        expect(&mut body, "o\n").await;
        streams.push((peer, body, sessions.next().await));
    }
    for (peer, body, session) in &mut streams {
        send(&mut client, ("POST", peer, "xhr_send"), r#"["x"]"#).await;
        assert_eq!(received(session).await, "x");
        session.try_send("y").unwrap();
        expect(body, "a[\"y\"]\n").await;
        session.close(3000, "Go away!");
    }
    for (_, body, _) in streams {
        assert_eq!(rest(body).await, format!("{GO_AWAY}\n"));
    }
}

/// P59: HTTP/2.
#[tokio::test]
async fn a_reset_http2_stream_is_a_lost_receiver() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = http2(&server).await;
    let (lost, kept) = (server.peer(), server.peer());

    let response = send(&mut client, ("GET", &lost, "eventsource"), "").await;
    let mut body = response.into_body();
    expect(&mut body, "\r\n").await;
    expect(&mut body, "data: o\r\n\r\n").await;
    let session = sessions.next().await;
    let mut kept_body = send(&mut client, ("GET", &kept, "eventsource"), "")
        .await
        .into_body();
    expect(&mut kept_body, "\r\n").await;
    expect(&mut kept_body, "data: o\r\n\r\n").await;
    let kept_session = sessions.next().await;
    drop(body);

    assert_eq!(ending(&session).await.cause(), Cause::ReceiverLost);
    let answer = send(&mut client, ("POST", &lost, "xhr"), "").await;
    assert_eq!(
        rest(answer.into_body()).await,
        "c[1002,\"Connection interrupted\"]\n"
    );
    kept_session.try_send("x").unwrap();
    expect(&mut kept_body, "data: a[\"x\"]\r\n\r\n").await;
}

/// P11: Next receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_right_after_a_completed_one_on_another_connection_is_never_refused() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut clients = [http2(&server).await, http2(&server).await];
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;

    for n in 0..1000 {
        let message = n.to_string();
        session.try_send(&*message).unwrap();
        let answer = send(&mut clients[n % 2], ("POST", &peer, "xhr"), "").await;
        assert_eq!(
            rest(answer.into_body()).await,
            format!("a[\"{message}\"]\n")
        );
    }
}
