//! The number of undelivered messages of an ended session. The clock jumps, and only the test reads
//! from the server, so that the numbers are exact.

use std::time::Duration;

use axum::{Router, body::Body};
use sockjs_axum::{Cause, Session, SockJsHandle, SockJsLayer, Transport};
use support::{
    Direct, Frame, Sessions, WebSocket, Wire, ending, next_piece, timed, unique_path,
    websocket_in_memory, within,
};
use tokio::io::DuplexStream;

use super::{DISCONNECT_DELAY, STREAMING, told};

const SEND_TIMEOUT: Duration = Duration::from_secs(30);

struct Bench {
    path: String,
    direct: Direct,
    handle: SockJsHandle,
    sessions: Sessions,
}

impl Bench {
    fn new() -> Self {
        let (layer, sessions) = Sessions::capture(SockJsLayer::new("/echo"));
        Self {
            path: unique_path("/echo"),
            handle: layer.handle(),
            direct: Direct::new(layer),
            sessions,
        }
    }

    /// Sends a receive request.
    async fn receive(&self, wire: Wire) -> Body {
        let path = format!("{}/{}", self.path, wire.endpoint());
        self.direct.send(wire.method(), &path, "").await.into_body()
    }

    /// Opens the session and reads the open frame, after which a stream goes on and a poll does
    /// not.
    async fn open(&mut self, wire: Wire) -> (Body, Session) {
        let mut body = self.receive(wire).await;
        if wire.streams() {
            next_piece(&mut body).await;
        }
        assert_eq!(next_piece(&mut body).await, Some(wire.frame("o")));
        (body, self.sessions.next().await)
    }
}

fn streaming() -> impl Iterator<Item = Wire> {
    let streams = |wire: &Wire| STREAMING.contains(&wire.transport());
    Wire::ALL.into_iter().filter(streams)
}

/// How a session ends whose client is absent, or does not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Nothing,
    Close,
    ShutDown,
}

impl End {
    const ALL: [Self; 3] = [Self::Nothing, Self::Close, Self::ShutDown];

    /// Lets a session end; returns how long it took.
    async fn of(self, session: &Session, handle: &SockJsHandle) -> Duration {
        match self {
            Self::Nothing => {}
            Self::Close => session.close(3000, "Go away!"),
            Self::ShutDown => {
                let handle = handle.clone();
                tokio::spawn(async move { handle.shutdown(Duration::MAX).await });
            }
        }
        timed(session.closed()).await.0
    }

    /// Returns the cause and reason that the application gets; `otherwise` is the cause if nothing but
    /// the client ends the session.
    fn told(self, otherwise: Cause) -> (Cause, u16, &'static str) {
        match self {
            Self::Nothing => (otherwise, 1002, "Connection interrupted"),
            Self::Close => (Cause::ClosedByApp, 3000, "Go away!"),
            Self::ShutDown => (Cause::ShuttingDown, 1001, "Going away"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_for_an_absent_client_are_undelivered() {
    for end in End::ALL {
        for wire in [Wire::Xhr, Wire::Jsonp] {
            let mut bench = Bench::new();
            let (_, session) = bench.open(wire).await;
            for message in ["1", "2", "3"] {
                session.try_send(message).unwrap();
            }

            let elapsed = end.of(&session, &bench.handle).await;

            let ending = ending(&session).await;
            assert_eq!(told(&ending), end.told(Cause::DisconnectTimeout));
            assert_eq!(ending.undelivered(), 3, "{end:?} of {wire:?}");
            let late = elapsed.checked_sub(DISCONNECT_DELAY).unwrap();
            assert!(late < Duration::from_millis(10), "{elapsed:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_stream_does_not_read_are_undelivered() {
    for end in End::ALL {
        for wire in streaming() {
            let mut bench = Bench::new();
            let (mut body, session) = bench.open(wire).await;
            for message in ["1", "2"] {
                session.try_send(message).unwrap();
            }
            let taken = next_piece(&mut body).await;
            assert_eq!(taken, Some(wire.frame(r#"a["1","2"]"#)));
            for message in ["3", "4", "5"] {
                session.try_send(message).unwrap();
            }

            let elapsed = end.of(&session, &bench.handle).await;

            let ending = ending(&session).await;
            assert_eq!(told(&ending), end.told(Cause::SlowClient));
            assert_eq!(ending.undelivered(), 3, "{end:?} of {wire:?}");
            let late = elapsed.checked_sub(SEND_TIMEOUT).unwrap();
            assert!(late < Duration::from_millis(10), "{elapsed:?}");
            assert_eq!(next_piece(&mut body).await, None, "nothing after the end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_lost_stream_did_not_read_are_undelivered() {
    for end in [End::Nothing, End::Close] {
        for wire in streaming() {
            let mut bench = Bench::new();
            let (body, session) = bench.open(wire).await;
            for message in ["1", "2", "3"] {
                session.try_send(message).unwrap();
            }
            if end == End::Close {
                session.close(3000, "Go away!");
            }

            drop(body);

            // A session that was closing ends as it was told to.
            let ending = ending(&session).await;
            assert_eq!(told(&ending), end.told(Cause::ReceiverLost));
            assert_eq!(ending.undelivered(), 3, "{end:?} of {wire:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_read_after_the_close_are_delivered() {
    for wire in Wire::ALL {
        let mut bench = Bench::new();
        let (mut body, session) = bench.open(wire).await;
        session.try_send("1").unwrap();
        session.try_send("2").unwrap();

        session.close(3000, "Go away!");

        for frame in [r#"a["1","2"]"#, r#"c[3000,"Go away!"]"#] {
            let mut piece = next_piece(&mut body).await;
            if !wire.streams() {
                assert_eq!(piece, None);
                body = bench.receive(wire).await;
                piece = next_piece(&mut body).await;
            }
            assert_eq!(piece, Some(wire.frame(frame)));
        }
        let ending = ending(&session).await;
        assert_eq!(told(&ending), End::Close.told(Cause::ReceiverLost));
        assert_eq!(ending.undelivered(), 0, "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_close_reason_is_delivered_whole() {
    let reason = "x".repeat(50_000);
    for wire in Wire::ALL {
        let mut bench = Bench::new();
        let (mut body, session) = bench.open(wire).await;

        session.close(3000, reason.clone());

        if !wire.streams() {
            body = bench.receive(wire).await;
        }
        let expected = wire.frame(&format!("c[3000,\"{reason}\"]"));
        let piece = next_piece(&mut body).await;
        assert!(piece == Some(expected), "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_stream_has_read_are_delivered() {
    // A short slice, a long one, and several.
    for len in [1, 3000, 100_000] {
        for wire in streaming() {
            let mut bench = Bench::new();
            let (mut body, session) = bench.open(wire).await;
            let message = "x".repeat(len);
            let expected = wire.frame(&format!("a[\"{message}\"]"));
            session.try_send(message).unwrap();
            let mut read = String::new();
            while read.len() < expected.len() {
                read += &next_piece(&mut body).await.expect("the stream goes on");
            }
            assert!(read == expected, "{len} bytes by {wire:?}");

            drop(body);

            let ending = ending(&session).await;
            assert_eq!(ending.cause(), Cause::ReceiverLost);
            assert_eq!(ending.undelivered(), 0, "{len} bytes by {wire:?}");
        }
    }
}

/// Limit: send_timeout
#[tokio::test(start_paused = true)]
async fn the_send_timeout_starts_when_a_message_begins_to_wait() {
    for wire in streaming() {
        let mut bench = Bench::new();
        let (mut body, session) = bench.open(wire).await;
        session.try_send("taken").unwrap();
        let taken = next_piece(&mut body).await;
        assert_eq!(taken, Some(wire.frame(r#"a["taken"]"#)));
        tokio::time::sleep(Duration::from_secs(20)).await;

        session.try_send("left").unwrap();

        let (elapsed, ending) = timed(session.closed()).await;
        assert_eq!(ending.cause(), Cause::SlowClient);
        let late = elapsed.checked_sub(SEND_TIMEOUT);
        let late = late.unwrap_or_else(|| panic!("after {elapsed:?}"));
        assert!(late < Duration::from_millis(10), "{elapsed:?}");
    }
}

/// Opens a WebSocket over a link that holds 100 bytes, up to its open frame.
async fn websocket(transport: Transport) -> (WebSocket<DuplexStream>, Session, SockJsHandle) {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let handle = layer.handle();
    let path = match transport {
        Transport::RawWebSocket => "/echo/websocket",
        _ => "/echo/000/abc/websocket",
    };
    let mut socket = websocket_in_memory(Router::new().layer(layer), path, 100).await;
    if transport == Transport::WebSocket {
        socket.expect("o").await;
    }
    (socket, sessions.next().await, handle)
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_websocket_wrote_in_part_are_undelivered() {
    for end in End::ALL {
        for transport in super::WEBSOCKETS {
            let (mut socket, session, handle) = websocket(*transport).await;
            for _ in 0..3 {
                session.try_send("x".repeat(500)).unwrap();
            }
            // Some of it is there, but no message is there whole.
            socket.readable().await;
            session.try_send("y").unwrap();

            end.of(&session, &handle).await;

            let ending = ending(&session).await;
            assert_eq!(told(&ending), end.told(Cause::SlowClient));
            assert_eq!(ending.undelivered(), 4, "{end:?} of {transport:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_closing_client_did_not_read_are_undelivered() {
    for transport in super::WEBSOCKETS {
        let (mut socket, session, _) = websocket(*transport).await;
        for _ in 0..3 {
            session.try_send("x".repeat(500)).unwrap();
        }
        socket.readable().await;

        socket.send(Frame::close(4321, "Over and out")).await;

        let ending = within("the end", session.closed()).await;
        assert_eq!(told(&ending), (Cause::ClosedByClient, 4321, "Over and out"));
        assert_eq!(ending.undelivered(), 3, "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_lost_websocket_did_not_read_are_undelivered() {
    for transport in super::WEBSOCKETS {
        let (mut socket, session, _) = websocket(*transport).await;
        for _ in 0..3 {
            session.try_send("x".repeat(500)).unwrap();
        }
        socket.readable().await;

        drop(socket);

        let ending = within("the end", session.closed()).await;
        assert_eq!(ending.cause(), Cause::ReceiverLost);
        assert_eq!(ending.undelivered(), 3, "{transport:?}");
    }
}
