//! Pings of a client: each has its pong, and a client that does not read them is not read on.

use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use sockjs_axum::{Cause, Session, SessionState, SockJsLayer};
use support::{
    Frame, Http2, Opcode, Server, Sessions, WebSocket, received, timed, websocket_in_memory,
};
use tokio::io::DuplexStream;
use tokio::time::sleep;

use super::PATH;

const RAW: &str = "/echo/websocket";

/// The paths of both WebSocket transports, and what each first sends.
const TRANSPORTS: [(&str, Option<&str>); 2] = [(PATH, Some("o")), (RAW, None)];

/// How many bytes may be under way in either direction.
const LINK: usize = 1000;

const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// A WebSocket through memory whose client has read what the server sends first.
async fn open(
    path: &str,
    first: Option<&str>,
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (WebSocket<DuplexStream>, Session) {
    let layer = configure(SockJsLayer::new("/echo").send_timeout(SEND_TIMEOUT));
    let (layer, mut sessions) = Sessions::capture(layer);
    let mut socket = websocket_in_memory(Router::new().layer(layer), path, LINK).await;
    if let Some(text) = first {
        socket.expect(text).await;
    }
    (socket, sessions.next().await)
}

/// The longest pings there are, each with its number.
fn pings(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let frames = numbers.map(|n| Frame::new(Opcode::Ping, payload(n)));
    frames.flat_map(|frame| frame.masked()).collect()
}

fn payload(number: usize) -> Bytes {
    Bytes::from(format!("{number:125}"))
}

/// P61: Backpressure.
/// Limit: pings of a WebSocket client
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_no_pongs_is_not_read_on_and_ends_as_slow() {
    for (path, first) in TRANSPORTS {
        let (mut socket, session) = open(path, first, |layer| layer).await;

        let written = socket.write_until_blocked(&pings(0..10_000)).await;

        // The link holds as much in both directions, and the server its read buffer.
        assert!(written < 4 * LINK + 4096, "{path}: {written} bytes");
        assert_eq!(session.state(), SessionState::Open);
        let (elapsed, ending) = timed(session.closed()).await;
        assert_eq!(ending.cause(), Cause::SlowClient, "{path}");
        assert!(elapsed <= SEND_TIMEOUT, "{path}: {elapsed:?}");
        socket.gone().await;
    }
}

/// P61: Backpressure.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_all_its_pongs_and_is_kept() {
    const COUNT: usize = 2000;
    for (path, first) in TRANSPORTS {
        let (mut socket, mut session) =
            open(path, first, |layer| layer.pong_timeout(Duration::ZERO)).await;
        let bytes = pings(0..COUNT);
        let mut written = 0;
        let mut read = 0;

        while read < COUNT {
            written += socket.write_until_blocked(&bytes[written..]).await;
            for _ in 0..10.min(COUNT - read) {
                let frame = socket.frame().await;
                // Heartbeats are frames of their own between the pongs.
                if let Opcode::Pong = frame.opcode {
                    assert_eq!(frame.payload, payload(read));
                    read += 1;
                }
            }
            // Shorter than the send timeout, but all together far longer.
            sleep(SEND_TIMEOUT - Duration::from_secs(3)).await;
        }

        assert_eq!(session.state(), SessionState::Open, "{path}");
        socket.send_text(r#"["still here"]"#).await;
        let message = received(&mut session).await;
        assert!(message.contains("still here"), "{path}: {message}");
    }
}

/// P61: Backpressure.
#[tokio::test(start_paused = true)]
async fn messages_behind_an_unread_pong_arrive_once_it_is_read() {
    for (path, first) in TRANSPORTS {
        let (mut socket, mut session) = open(path, first, |layer| layer).await;
        let count = 100;
        let mut bytes = pings(0..count);
        bytes.extend(Frame::text(r#"["behind"]"#).masked());

        let mut written = 0;
        for n in 0..count {
            written += socket.write_until_blocked(&bytes[written..]).await;
            let pong = socket.frame().await;
            assert_eq!(pong, Frame::new(Opcode::Pong, payload(n)), "{path}");
        }
        socket.write(&bytes[written..]).await;

        let message = received(&mut session).await;
        assert!(message.contains("behind"), "{path}: {message}");
        session.try_send("answer").unwrap();
        assert!(socket.text().await.contains("answer"), "{path}");
    }
}

/// P61: Backpressure.
#[tokio::test]
async fn a_client_that_reads_no_pongs_is_not_read_on_over_a_network() {
    let bytes = pings(0..400_000);
    let server = Server::echo(|layer| layer).await;
    for path in [PATH, RAW] {
        let mut socket = server.websocket(path).open().await;
        let written = socket.write_until_blocked(&bytes).await;
        assert!(written < bytes.len(), "{path}: the server reads on");

        // A client that gets many small frames and reads none ends the connection.
        let client = Http2::connect_with_window(server.addr(), 2000).await;
        let mut stream = client.websocket(path).await;
        let written = stream.write_until_blocked(&bytes).await;
        assert!(
            written < bytes.len(),
            "{path}: the server reads on over HTTP/2"
        );
    }
}
