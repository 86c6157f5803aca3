//! The example over real sockets.

use std::net::SocketAddr;

use sockjs_client::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;

use super::*;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

async fn start(config: SessionConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Server::new(config)));
    addr
}

/// Sends a request over HTTP/1.0, so that the body of the answer ends with the connection.
async fn send(addr: SocketAddr, request: &str, body: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let len = body.len();
    let request = format!("{request} HTTP/1.0\r\nContent-Length: {len}\r\n\r\n{body}");
    tcp.write_all(request.as_bytes()).await.unwrap();
    tcp
}

/// Returns the head and the body of the answer to a request.
async fn request(addr: SocketAddr, request: &str, body: &str) -> (String, String) {
    let mut tcp = send(addr, request, body).await;
    let mut answer = String::new();
    let read = timeout(LIMIT, tcp.read_to_string(&mut answer)).await;
    read.expect("there is an answer").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    (head.to_lowercase(), body.to_owned())
}

async fn poll(addr: SocketAddr, id: &str) -> String {
    request(addr, &format!("POST /echo/0/{id}/xhr"), "").await.1
}

async fn post(addr: SocketAddr, id: &str, body: &str) -> (u16, String) {
    let (head, text) = request(addr, &format!("POST /echo/0/{id}/xhr_send"), body).await;
    (status(&head), text)
}

fn status(head: &str) -> u16 {
    let status = head.split(' ').nth(1).expect("there is a status");
    status.parse().expect("it is a number")
}

/// Reads a stream until it ends with `end`.
async fn read_to(tcp: &mut TcpStream, end: &str) {
    let mut text = Vec::new();
    let read = async {
        while !text.ends_with(end.as_bytes()) {
            text.push(tcp.read_u8().await.expect("the stream goes on"));
        }
    };
    timeout(LIMIT, read).await.expect("the stream has it");
}

async fn connect(addr: SocketAddr) -> WebSocketStream<TcpStream> {
    let tcp = TcpStream::connect(addr).await.unwrap();
    let url = format!("ws://{addr}/echo/0/a/websocket");
    client_async(url, tcp).await.unwrap().0
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> SocketMessage {
    let message = timeout(LIMIT, socket.next()).await.expect("it goes on");
    message.expect("it is open").expect("it is whole")
}

#[tokio::test]
async fn a_polling_client_has_its_messages_echoed() {
    let addr = start(SessionConfig::default()).await;

    assert_eq!(poll(addr, "a").await, "o\n");
    assert_eq!(post(addr, "a", r#"["one","two"]"#).await.0, 204);
    let mut arrived = String::new();
    while !arrived.contains("two") {
        arrived += &poll(addr, "a").await;
    }
    assert_eq!(arrived.replace("]\na[", ","), "a[\"one\",\"two\"]\n");
}

#[tokio::test]
async fn clients_have_their_messages_echoed_over_every_transport() {
    let addr = start(SessionConfig::default()).await;
    for transport in Client::TRANSPORTS {
        let client = Client::builder(format!("http://{addr}/echo")).transport(transport);
        let mut client = client.connect().await.unwrap();
        for text in ["one", "", "Grüße %25 \u{2028}"] {
            client.send(text).await.unwrap();
            let echo = timeout(LIMIT, client.recv()).await;
            assert_eq!(echo.unwrap().as_deref(), Some(text), "{transport}");
        }
        assert_eq!(client.close().await.code(), 1000);
    }
}

#[tokio::test]
async fn each_stream_has_its_framing() {
    let addr = start(SessionConfig::default()).await;

    for (url, open, message) in [
        ("POST /echo/0/a/xhr_streaming", "h\no\n", "a[\"%\"]\n"),
        (
            "GET /echo/0/b/eventsource",
            "data: o\r\n\r\n",
            "a[\"%25\"]\r\n\r\n",
        ),
        (
            "GET /echo/0/c/htmlfile?c=x",
            "p(\"o\");\n</script>\r\n",
            "\"%\\\"]\");\n</script>\r\n",
        ),
    ] {
        let mut stream = send(addr, url, "").await;
        read_to(&mut stream, open).await;
        let id = url.split('/').nth(3).unwrap();
        assert_eq!(post(addr, id, r#"["%"]"#).await.0, 204);
        read_to(&mut stream, message).await;
    }
    let (_, script) = request(addr, "GET /echo/0/d/jsonp?c=x", "").await;
    assert_eq!(script, "/**/x(\"o\");\r\n");
}

#[tokio::test]
async fn a_second_receiver_is_turned_away_and_disturbs_nobody() {
    let addr = start(SessionConfig::default()).await;
    assert_eq!(poll(addr, "a").await, "o\n");

    let (mut one, mut other) = (Box::pin(poll(addr, "a")), Box::pin(poll(addr, "a")));
    let (refused, waiting) = tokio::select! {
        refused = &mut one => (refused, other),
        refused = &mut other => (refused, one),
    };

    assert_eq!(refused, "c[2010,\"Another connection still open\"]\n");
    assert_eq!(post(addr, "a", r#"["x"]"#).await.0, 204);
    assert_eq!(waiting.await, "a[\"x\"]\n");
}

#[tokio::test]
async fn a_lost_receiver_ends_its_session_and_the_id_is_remembered() {
    // Nothing else would end the session in time.
    let config = SessionConfig::default()
        .with_heartbeat_delay(None)
        .with_send_timeout(2 * LIMIT);
    let addr = start(config).await;
    let mut stream = send(addr, "POST /echo/0/a/xhr_streaming", "").await;
    read_to(&mut stream, "h\no\n").await;

    drop(stream);

    let dropped = Instant::now();
    let mut told = poll(addr, "a").await;
    while told.starts_with("c[2010") {
        assert!(dropped.elapsed() < LIMIT);
        told = poll(addr, "a").await;
    }
    for _ in 0..2 {
        assert_eq!(told, "c[1002,\"Connection interrupted\"]\n");
        assert_eq!(post(addr, "a", "[]").await.0, 404);
        told = poll(addr, "a").await;
    }
}

#[tokio::test]
async fn an_absent_client_is_waited_for_during_the_disconnect_delay() {
    let delay = Duration::from_millis(300);
    // Nothing else would end the session in time.
    let config = SessionConfig::default()
        .with_disconnect_delay(delay)
        .with_send_timeout(2 * LIMIT);
    let addr = start(config).await;
    let start = Instant::now();
    assert_eq!(poll(addr, "a").await, "o\n");

    while post(addr, "a", "[]").await.0 == 204 {
        assert!(start.elapsed() < LIMIT);
    }

    assert!(start.elapsed() >= delay);
    assert_eq!(
        poll(addr, "a").await,
        "c[1002,\"Connection interrupted\"]\n"
    );
}

#[tokio::test]
async fn silence_brings_heartbeats() {
    let config = SessionConfig::default().with_heartbeat_delay(Duration::from_millis(20));
    let addr = start(config).await;
    assert_eq!(poll(addr, "a").await, "o\n");
    assert_eq!(poll(addr, "a").await, "h\n");

    let mut socket = connect(addr).await;
    assert_eq!(next(&mut socket).await, SocketMessage::text("o"));
    assert_eq!(next(&mut socket).await, SocketMessage::text("h"));
    assert!(next(&mut socket).await.is_ping());
}

#[tokio::test]
async fn a_websocket_client_has_its_messages_echoed() {
    let addr = start(SessionConfig::default()).await;
    let mut socket = connect(addr).await;
    // The session id means nothing.
    let mut other = connect(addr).await;
    assert_eq!(next(&mut socket).await, SocketMessage::text("o"));
    assert_eq!(next(&mut other).await, SocketMessage::text("o"));

    for payload in [r#"["x"]"#, r#""x""#] {
        socket.send(SocketMessage::text(payload)).await.unwrap();
        assert_eq!(next(&mut socket).await, SocketMessage::text(r#"a["x"]"#));
    }

    socket.close(None).await.unwrap();
    assert!(next(&mut socket).await.is_close());
    other.send(SocketMessage::text("[5]")).await.unwrap();
    let SocketMessage::Close(Some(frame)) = next(&mut other).await else {
        panic!("it is closed without a `c` frame");
    };
    assert_eq!(
        (u16::from(frame.code), &*frame.reason),
        (1007, "Broken framing.")
    );
}

#[tokio::test]
async fn what_the_protocol_refuses_is_refused_with_its_texts() {
    let addr = start(SessionConfig::default()).await;

    for (url, body, expected, text) in [
        ("GET /other", "", 404, ""),
        ("GET /echo/0/a/unknown", "", 404, ""),
        ("GET /echo/0/a/xhr", "", 405, ""),
        (
            "GET /echo/0/a/websocket",
            "",
            400,
            "Not a valid websocket request",
        ),
        (
            "GET /echo/0/a/jsonp",
            "",
            500,
            "\"callback\" parameter required",
        ),
        ("POST /echo/0/a/xhr_send", "", 500, "Payload expected."),
        (
            "POST /echo/0/a/xhr_send",
            "[5]",
            500,
            "Broken JSON encoding.",
        ),
        ("POST /echo/0/a/xhr_send", "[]", 404, ""),
    ] {
        let (head, body) = request(addr, url, body).await;
        assert_eq!((status(&head), &*body), (expected, text), "{url}");
        assert_eq!(head.contains("\r\nallow: post"), expected == 405, "{head}");
    }
    let long = format!("[\"{}\"]", "x".repeat(MESSAGE_LIMIT + 1));
    let answer = post(addr, "a", &long).await;
    assert_eq!(answer, (413, "Message too large.".to_owned()));
}

#[tokio::test]
async fn pages_are_there() {
    let addr = start(SessionConfig::default()).await;

    assert_eq!(request(addr, "GET /echo", "").await.1, GREETING);
    let (_, info) = request(addr, "GET /echo/info", "").await;
    assert!(
        info.starts_with(r#"{"websocket":true,"origins":["*:*"],"#),
        "{info}"
    );
    let (head, page) = request(addr, "GET /echo/iframe-1.html", "").await;
    assert!(page.contains(SOCKJS_URL), "{page}");
    assert!(head.contains("\r\netag: \""), "{head}");
}
