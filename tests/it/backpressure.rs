//! When one side reads less than the other sends, the sender waits and nothing is lost. Tests of
//! one transport are in its own module and in `limits`.

use std::time::Duration;

use axum::{Router, body::Body, extract::FromRequestParts};
use futures_util::future::select_all;
use http::{Request, StatusCode, request::Parts};
use sockjs_axum::{Session, SessionState, SockJsLayer, Transport, TrySendError};
use support::{
    Client, Direct, Frame, PATIENCE, Server, Sessions, Wire, connect_in_memory, ending, next_piece,
    received, unique_path, websocket_in_memory, within,
};
use tokio::{io::AsyncWriteExt as _, time::timeout};

/// A request that takes longer than this counts as held back. On a very slow machine a test may
/// conclude this too early; it then proves less, but does not fail.
const MOMENT: Duration = Duration::from_millis(100);

/// Returns message number `n`, padded to 50,000 bytes.
fn message(n: usize) -> String {
    format!("{n:050000}")
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(message).collect()
}

/// Opens a session over some transport, up to the open frame.
async fn open(
    transport: Transport,
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, Client, Session) {
    let (server, mut sessions) = Server::capture(configure).await;
    let client = Client::open(server.addr(), "/echo", transport).await;
    let session = sessions.next().await;
    (server, client, session)
}

/// Sends until the client's side accepts no more, and returns how many messages were sent. The
/// buffer stays full until another task runs.
async fn fill(session: &Session) -> usize {
    let mut sent = 0;
    // A dropped send has sent nothing.
    while let Ok(result) = timeout(MOMENT, session.send(message(sent))).await {
        result.expect("the session is open");
        sent += 1;
        assert!(sent < 2000, "somebody buffers without limit");
    }
    while session.try_send(message(sent)).is_ok() {
        sent += 1;
    }
    sent
}

fn small(layer: SockJsLayer) -> SockJsLayer {
    layer.send_buffer(100_000).response_limit(usize::MAX)
}

#[tokio::test]
async fn send_waits_for_room_until_the_client_reads() {
    for &transport in Transport::ALL {
        let (_server, mut client, session) = open(transport, small).await;
        let sent = fill(&session).await;
        let full = session.try_send(message(sent)).unwrap_err();
        assert!(matches!(&full, TrySendError::Full(it) if *it == message(sent)));

        let waiting = session.send(full.into_message());
        let (waited, messages) = tokio::join!(waiting, client.messages(sent + 1));

        waited.unwrap();
        assert!(messages == numbered(sent + 1), "{transport:?}");
        client.attach().await;
        session.close(3000, "Go away!");
        client.expect_close(3000, "Go away!").await;
        assert_eq!(ending(&session).await.undelivered(), 0);
    }
}

#[tokio::test]
async fn waiting_sends_get_their_messages_back_when_the_session_ends() {
    for transport in [Transport::Xhr, Transport::HtmlFile, Transport::WebSocket] {
        let (_server, _client, session) = open(transport, small).await;
        let sent = fill(&session).await;

        let waiting = session.send(message(sent));
        let close = async { session.close(3000, "Go away!") };
        let (waited, ()) = tokio::join!(waiting, close);

        assert_eq!(waited.unwrap_err().into_message(), message(sent));
        assert_eq!(session.state(), SessionState::Closing);
        let closing = session.try_send("closing").unwrap_err();
        assert_eq!(closing, TrySendError::Closed("closing".into()));
        let closing = session.send("closing").await.unwrap_err();
        assert_eq!(closing.into_message(), "closing");
    }
}

#[tokio::test]
async fn a_message_longer_than_the_buffers_passes_when_they_are_empty() {
    let tiny = |layer: SockJsLayer| layer.send_buffer(10).receive_buffer(10);
    for &transport in Transport::ALL {
        let (_server, mut client, mut session) = open(transport, tiny).await;
        for n in 0..3 {
            client.send(&message(n)).await;
            assert_eq!(received(&mut session).await, message(n));
            session.send(message(n)).await.unwrap();
            assert_eq!(client.messages(1).await, [message(n)]);
        }
    }
}

#[tokio::test]
async fn empty_messages_count_against_the_send_buffer() {
    let ten = |layer: SockJsLayer| layer.send_buffer(640);
    let (_server, mut client, session) = open(Transport::Xhr, ten).await;

    for _ in 0..10 {
        session.try_send("").unwrap();
    }

    assert_eq!(
        session.try_send(""),
        Err(TrySendError::Full(String::new().into()))
    );
    assert_eq!(client.messages(10).await, [""; 10]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_now_and_then_is_not_closed() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo").send_buffer(1000));
    let direct = Direct::new(layer);
    let path = unique_path("/echo") + "/eventsource";
    let mut body = direct.send("GET", &path, "").await.into_body();
    next_piece(&mut body).await;
    next_piece(&mut body).await;
    let session = sessions.next().await;

    let sent = tokio::spawn(async move {
        let mut sent = 0;
        while session.send(format!("{sent:400}")).await.is_ok() {
            sent += 1;
        }
        (sent, session)
    });
    // An hour, a frame in less than the send timeout.
    let mut taken = 0;
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_secs(29)).await;
        let piece = next_piece(&mut body).await;
        let frame = piece.expect("the response goes on");
        let frame = frame.strip_prefix("data: a").expect("messages");
        let messages: Vec<String> = serde_json::from_str(frame).unwrap();
        for message in messages {
            assert_eq!(message, format!("{taken:400}"));
            taken += 1;
        }
    }

    drop(body);
    let (sent, session) = sent.await.unwrap();
    assert_eq!(sent, taken + ending(&session).await.undelivered());
}

#[tokio::test]
async fn a_handler_that_does_not_read_makes_send_requests_wait() {
    for endpoint in ["xhr_send", "jsonp_send"] {
        let full = |layer: SockJsLayer| layer.receive_buffer(200_000);
        let (server, mut client, mut session) = open(Transport::Xhr, full).await;
        let (peer, receiver) = client.http();
        let request = |n: usize| {
            let payload = format!(r#"["{n}","{}"]"#, message(n));
            peer.post(endpoint).body(payload)
        };

        let mut accepted = 0;
        let waiting = loop {
            let mut request = request(accepted).start().await;
            let Ok(()) = timeout(MOMENT, request.answered()).await else {
                break request;
            };
            let status = request.response().await.status;
            assert!([200, 204].contains(&status), "{status}");
            accepted += 1;
            assert!(accepted < 100, "the inbox has no limit");
        };

        // The other direction and other sessions do not notice.
        session.try_send("x").unwrap();
        receiver.expect(r#"a["x"]"#).await;
        server.peer().open().await;

        for n in 0..=accepted {
            assert_eq!(received(&mut session).await, n.to_string());
            assert_eq!(received(&mut session).await, message(n));
        }
        let status = waiting.response().await.status;
        assert!([200, 204].contains(&status), "{status}");
        let status = request(accepted + 1).send().await.status;
        assert!([200, 204].contains(&status), "{status}");
        assert_eq!(received(&mut session).await, (accepted + 1).to_string());
    }
}

#[tokio::test]
async fn a_send_request_that_waits_is_404_when_the_session_ends() {
    for endpoint in ["xhr_send", "jsonp_send"] {
        let full = |layer: SockJsLayer| layer.receive_buffer(1);
        let (_server, mut client, mut session) = open(Transport::Xhr, full).await;
        let (peer, _) = client.http();
        peer.send(r#"["delivered"]"#).await;
        let mut waiting = peer.post(endpoint).body(r#"["too late"]"#).start().await;
        let held = timeout(MOMENT, waiting.answered()).await;
        assert!(held.is_err(), "it is answered before there is room");

        session.close(3000, "Go away!");

        assert_eq!(waiting.response().await.status, 404);
        assert_eq!(received(&mut session).await, "delivered");
        assert_eq!(client.http().0.poll().await, "c[3000,\"Go away!\"]\n");
        assert_eq!(within("the end", session.recv()).await, None);
    }
}

/// Limit: max_send_requests
#[tokio::test]
async fn as_many_send_requests_may_wait_as_the_limit_says() {
    let full = |layer: SockJsLayer| layer.receive_buffer(1).max_send_requests(16);
    let (_server, mut client, mut session) = open(Transport::Xhr, full).await;
    let (peer, _) = client.http();
    peer.send(r#"["first"]"#).await;

    let mut waiting = Vec::new();
    for n in 0..17 {
        let request = peer.post("xhr_send").body(format!(r#"["{n}"]"#));
        waiting.push(request.start().await);
    }
    let answered = waiting.iter_mut().map(|it| Box::pin(it.answered()));
    let ((), refused, others) = within("an answer", select_all(answered)).await;
    drop(others);
    let response = waiting.remove(refused).response().await;
    assert_eq!(response.status, 503);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.text().await, "Too many send requests are waiting.");

    assert_eq!(received(&mut session).await, "first");
    let mut expected: Vec<_> = (0..17).map(|n| n.to_string()).collect();
    expected.remove(refused);
    let mut messages = Vec::new();
    for _ in 0..16 {
        messages.push(received(&mut session).await);
    }
    // Each has a connection of its own, so that any may come first.
    messages.sort_unstable();
    expected.sort_unstable();
    assert_eq!(messages, expected);
    for request in waiting {
        assert_eq!(request.response().await.status, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_read_makes_a_raw_websocket_wait() {
    const COUNT: usize = 100;
    let layer = SockJsLayer::new("/echo").receive_buffer(1000);
    let (layer, mut sessions) = Sessions::capture(layer);
    let app = Router::new().layer(layer);
    let mut socket = websocket_in_memory(app, "/echo/websocket", 1000).await;
    let mut session = sessions.next().await;
    let frames = (0..COUNT).map(|n| Frame::text(format!("{n:200}")));
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

#[tokio::test]
async fn the_body_limit_does_not_apply_to_raw_websockets() {
    let configure = |layer: SockJsLayer| layer.body_limit(10).message_limit(100);
    let (_server, mut client, mut session) = open(Transport::RawWebSocket, configure).await;

    client.send(&"x".repeat(100)).await;

    assert_eq!(received(&mut session).await, "x".repeat(100));
}

/// Rejects requests that only want to know whether there is room for a session.
struct NoProbe;

impl<S: Sync> FromRequestParts<S> for NoProbe {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        match parts.headers.get("x-probe") {
            Some(_) => Err(StatusCode::IM_A_TEAPOT),
            None => Ok(Self),
        }
    }
}

/// A server with so many places, whose sessions echo and end when told so.
async fn serve_places(places: usize) -> Server {
    let handler = |_: NoProbe, mut session: Session| async move {
        while let Some(message) = session.recv().await {
            if message == "close" {
                break;
            }
            session.send(message).await.ok();
        }
    };
    let configure = |layer: SockJsLayer| layer.on_session(handler).max_sessions(places);
    Server::echo_alone(configure).await
}

/// Opens a session on each transport and asserts that all answers have the same status.
async fn assert_told(server: &Server, status: u16, body: &str) {
    for &transport in Transport::ALL {
        let request = match Wire::ALL.into_iter().find(|it| it.transport() == transport) {
            Some(wire) => server.peer().receive(wire),
            None => {
                let path = match transport {
                    Transport::RawWebSocket => "/echo/websocket",
                    _ => "/echo/000/abc/websocket",
                };
                server.websocket(path).request()
            }
        };
        let response = request.header("X-Probe", "1").send().await;
        assert_eq!(response.status, status, "{transport:?}");
        assert_eq!(response.text().await, body, "{transport:?}");
    }
}

/// Waits until there is room for a session.
async fn room(server: &Server) {
    let room = async {
        loop {
            let probe = server.peer().post("xhr").header("X-Probe", "1");
            if probe.send().await.status != 503 {
                break;
            }
        }
    };
    within("room for a session", room).await;
}

#[tokio::test]
async fn a_session_holds_one_place_until_its_end() {
    let server = serve_places(2).await;
    let mut other = Client::open(server.addr(), "/echo", Transport::Xhr).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(server.addr(), "/echo", transport).await;

        assert_told(&server, 503, "Too many sessions.").await;
        for n in 0..3 {
            client.echo(&n.to_string()).await;
            other.echo(&n.to_string()).await;
        }

        client.attach().await;
        client.send("close").await;
        client.expect_close(1000, "Normal closure").await;
        room(&server).await;
        // Requests that an extractor rejects free their place.
        for _ in 0..3 {
            assert_told(&server, 418, "").await;
        }
    }
}

#[tokio::test]
async fn a_lost_session_frees_its_place() {
    let server = serve_places(1).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.attach().await;
        client.reset();
        room(&server).await;
        assert_told(&server, 418, "").await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_during_the_opening_holds_no_place() {
    let server = serve_places(1).await;

    for _ in 0..10 {
        let websockets = ["/echo/websocket", "/echo/000/abc/websocket"];
        let websockets = websockets.map(|path| server.websocket(path).request());
        let streams = Wire::ALL.into_iter().filter(|wire| wire.streams());
        let streams = streams.map(|wire| server.peer().receive(wire));
        for request in streams.chain(websockets) {
            request.start().await.into_connection().reset();
        }
    }

    room(&server).await;
}

/// Limit: head of a request that opens a session
#[tokio::test]
async fn a_head_above_16_kib_opens_no_session() {
    let server = Server::echo(|layer| layer.max_sessions(5)).await;
    let requests = || {
        let receives = Wire::ALL.map(|wire| server.peer().receive(wire));
        let paths = ["/echo/websocket", "/echo/000/abc/websocket"];
        let websockets = paths.map(|path| server.websocket(path).request());
        receives.into_iter().chain(websockets)
    };

    for request in requests() {
        let line = request.line();
        let response = request.header("X-Long", "x".repeat(17_000)).send().await;
        assert_eq!(response.status, 431, "{line}");
        assert_eq!(response.text().await, "Request head too large.", "{line}");
    }

    // None of them took a place. The limit applies only to a request that opens a session.
    for wire in Wire::ALL {
        let peer = server.peer();
        let opening = peer.receive(wire).header("X-Long", "x".repeat(15_000));
        assert_eq!(opening.send().await.status, 200, "{wire:?}");
        let send = peer.post("xhr_send").header("X-Long", "x".repeat(17_000));
        assert_ne!(send.body("[]").send().await.status, 431, "{wire:?}");
    }
}

/// Limit: head of a request that opens a session
#[tokio::test]
async fn a_head_of_16_kib_opens_a_session_and_a_longer_one_does_not() {
    let direct = Direct::new(SockJsLayer::echo("/echo"));
    for (len, status) in [(16 * 1024, 200), (16 * 1024 + 1, 431)] {
        for query in ["", "?t=1"] {
            let path = unique_path("/echo") + "/xhr";
            let others = path.len() + query.len().saturating_sub(1) + "x-long".len();
            let request = Request::post(path + query).header("x-long", "x".repeat(len - others));
            let request = request.body(Body::empty()).expect("a valid request");
            assert_eq!(direct.call(request).await.status(), status, "{query}");
        }
    }
}

/// Limit: handshake_timeout
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_handed_over_in_time_is_given_up() {
    let layer = SockJsLayer::new("/echo")
        .disconnect_delay(PATIENCE)
        .handshake_timeout(Duration::from_secs(7))
        .max_sessions(1);
    let app = Router::new().layer(layer);
    let direct = Direct::router(app.clone());
    let path = unique_path("/echo") + "/xhr";
    // The answer to the handshake does not fit, and its client does not read.
    let mut stream = connect_in_memory(app, 100);
    let handshake = "GET /echo/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();

    let admitted = async || {
        tokio::time::sleep(Duration::from_millis(1001)).await;
        direct.send("POST", &path, "").await.status() == 200
    };
    for _ in 0..6 {
        assert!(!admitted().await, "it is given up too early");
    }
    assert!(admitted().await, "it is not given up");
}
