//! The body of a response leaves in slices, so that the server knows how far the client has come.

use std::time::Duration;

use axum::{Router, body::Body};
use sockjs_axum::{Cause, Session, SessionState, SockJsLayer};
use support::{
    Direct, Frozen, Http2, Http2Body, Sessions, Wire, connect_in_memory, ending, next_piece, timed,
    unique_path, within,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::sleep,
};

/// What the client lets the server send on a stream before it has taken some of it. The prelude and
/// the open frame fit.
const WINDOW: u32 = 2100;

const SLICE: usize = 16 * 1024;

const MESSAGE: usize = 340_000;

/// How many bytes a stream begins with.
const PRELUDE: usize = 2049;

/// The client takes a slice in this time, which is less than the send timeout and much more than the
/// disconnect delay.
const PAUSE: Duration = Duration::from_secs(20);

/// A session whose client has the head of a response and nothing of the frame in it, and the other
/// end.
struct Stalled {
    frozen: Frozen,
    client: Http2,
    path: String,
    body: Http2Body,
    session: Session,
}

impl Stalled {
    async fn start(wire: Wire) -> Self {
        let mut frozen = Frozen::start().await;
        let client = Http2::with_window(frozen.server.addr(), WINDOW).await;
        let path = unique_path("/echo");
        let url = format!("{path}/{}", wire.endpoint());
        let mut response = client.request(wire.method(), &url).await;
        let session = frozen.sessions.next().await;
        let prelude = if wire.streams() { PRELUDE } else { 0 };
        let open = prelude + wire.frame("o").len();
        let body = response.body_mut();
        assert!(body.take(open).await.ends_with(b"o\n"));
        session
            .try_send("x".repeat(MESSAGE))
            .expect("the buffer is empty");
        if !wire.streams() {
            response = client.request(wire.method(), &url).await;
        }
        let mut body = response.into_body();
        // The first slice has left.
        assert!(body.fill().await);
        Self {
            frozen,
            client,
            path,
            body,
            session,
        }
    }
}

fn message_frame(wire: Wire) -> String {
    wire.frame(&format!("a[\"{}\"]", "x".repeat(MESSAGE)))
}

/// A stream, and a poll.
const WIRES: [Wire; 2] = [Wire::XhrStreaming, Wire::Xhr];

/// Limit: send_timeout
#[tokio::test]
async fn an_http2_response_that_is_not_read_is_a_slow_client_and_its_message_undelivered() {
    for wire in WIRES {
        let stalled = Stalled::start(wire).await;
        stalled.frozen.clock.advance(Duration::from_secs(29)).await;
        assert_eq!(stalled.session.state(), SessionState::Open, "{wire:?}");

        stalled.frozen.clock.advance(Duration::from_secs(2)).await;

        let ending = ending(&stalled.session).await;
        assert_eq!(ending.cause(), Cause::SlowClient, "{wire:?}");
        assert_eq!(ending.undelivered(), 1, "{wire:?}");
        // The client was promised more than it gets, and hears so.
        let rest = stalled.body.rest().await;
        let rest = rest.map_or(0, |rest| rest.len());
        // hyper asks for one slice ahead.
        assert!(rest <= 2 * SLICE, "{rest} of {wire:?}");
        let later = format!("{}/xhr", stalled.path);
        let later = stalled.client.request("POST", &later).await.into_body();
        let closed = b"c[1002,\"Connection interrupted\"]\n".to_vec();
        assert_eq!(later.rest().await, Some(closed), "{wire:?}");
    }
}

/// Limit: send_timeout
#[tokio::test]
async fn a_trickle_is_a_slow_client() {
    for wire in WIRES {
        let mut stalled = Stalled::start(wire).await;
        // Less than a slice in the send timeout, again and again.
        for _ in 0..14 {
            stalled.body.take(1000).await;
            stalled.frozen.clock.advance(Duration::from_secs(2)).await;
        }
        assert_eq!(stalled.session.state(), SessionState::Open, "{wire:?}");
        stalled.body.take(100).await;
        stalled.frozen.clock.advance(Duration::from_secs(3)).await;

        let ending = ending(&stalled.session).await;
        assert_eq!(ending.cause(), Cause::SlowClient, "{wire:?}");
        assert_eq!(ending.undelivered(), 1, "{wire:?}");
    }
}

/// Limit: disconnect_delay
#[tokio::test]
async fn a_client_that_downloads_slowly_keeps_its_session() {
    for wire in WIRES {
        let mut stalled = Stalled::start(wire).await;
        let expected = message_frame(wire);

        let mut taken = Vec::new();
        while expected.len() - taken.len() > SLICE {
            taken.extend(stalled.body.take(SLICE).await);
            stalled.frozen.clock.advance(PAUSE).await;
            let state = stalled.session.state();
            assert_eq!(state, SessionState::Open, "{wire:?}: {}", taken.len());
        }
        let rest = stalled.body.rest().await.expect("the stream ends well");
        taken.extend(rest);
        assert!(taken == expected.as_bytes(), "{wire:?}");

        stalled.frozen.clock.advance(Duration::from_secs(4)).await;
        stalled.session.try_send("next").unwrap();
        let next = format!("{}/xhr", stalled.path);
        let next = stalled.client.request("POST", &next).await.into_body();
        assert_eq!(next.rest().await, Some(b"a[\"next\"]\n".to_vec()));

        stalled.frozen.clock.advance(Duration::from_secs(6)).await;
        let ending = ending(&stalled.session).await;
        assert_eq!(ending.cause(), Cause::DisconnectTimeout, "{wire:?}");
        assert_eq!(ending.undelivered(), 0, "{wire:?}");
    }
}

/// Polls, takes the answer, and returns the body that is not dropped yet.
async fn take_answer(direct: &Direct, path: &str, expected: &str) -> Body {
    let mut body = direct.send("POST", path, "").await.into_body();
    assert_eq!(next_piece(&mut body).await.as_deref(), Some(expected));
    body
}

/// P13: Absent client.
#[tokio::test(start_paused = true)]
async fn the_disconnect_delay_starts_when_the_last_response_is_dropped() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let direct = Direct::new(layer);
    let path = unique_path("/echo") + "/xhr";
    let first = take_answer(&direct, &path, "o\n").await;
    let session = sessions.next().await;
    sleep(Duration::from_secs(20)).await;

    // The next request attaches, although the first response is still there.
    session.try_send("x").unwrap();
    let second = take_answer(&direct, &path, "a[\"x\"]\n").await;
    drop(first);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(session.state(), SessionState::Open);
    drop(second);

    let (elapsed, ending) = timed(session.closed()).await;
    assert_eq!(elapsed.as_secs(), 5);
    assert_eq!(ending.cause(), Cause::DisconnectTimeout);
}

/// Limit: send_timeout
#[tokio::test(start_paused = true)]
async fn a_response_that_is_never_dropped_ends_the_session() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let direct = Direct::new(layer);
    let path = unique_path("/echo") + "/xhr";
    let _kept = take_answer(&direct, &path, "o\n").await;

    let (elapsed, ending) = timed(sessions.next().await.closed()).await;

    assert_eq!(elapsed.as_secs(), 30);
    assert_eq!(ending.cause(), Cause::SlowClient);
}

/// P14: Lost receiver.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_thrown_away_is_a_lost_receiver() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let direct = Direct::new(layer);
    let path = unique_path("/echo") + "/xhr";
    assert_eq!(direct.post(&path).await, "o\n");
    let session = sessions.next().await;
    for message in ["x".to_owned(), "x".repeat(MESSAGE)] {
        session.try_send(message).unwrap();
    }

    drop(direct.send("POST", &path, "").await);

    let (elapsed, ending) = timed(session.closed()).await;
    assert_eq!(elapsed, Duration::ZERO);
    assert_eq!(ending.cause(), Cause::ReceiverLost);
    assert_eq!(ending.undelivered(), 2);
}

/// What hyper takes of a response before it waits for the socket: sixteen slices.
const HYPER_BUFFER: usize = 16 * SLICE;

/// Starts a request over HTTP/1 with a session that has a message of two megabytes to send.
async fn start_http1(wire: Wire) -> (DuplexStream, Session) {
    let layer = SockJsLayer::new("/echo").heartbeat_delay(Duration::ZERO);
    let (layer, mut sessions) = Sessions::capture(layer);
    let mut stream = connect_in_memory(Router::new().layer(layer), 1000);
    let path = unique_path("/echo");
    let request = |wire: Wire| {
        let (method, endpoint) = (wire.method(), wire.endpoint());
        format!("{method} {path}/{endpoint} HTTP/1.1\r\nHost: x\r\n\r\n")
    };
    stream
        .write_all(request(Wire::Xhr).as_bytes())
        .await
        .expect("the connection is open");
    let mut open = Vec::new();
    while !open.ends_with(b"o\n") {
        open.push(stream.read_u8().await.expect("the connection is open"));
    }
    let session = sessions.next().await;
    session
        .try_send("x".repeat(2_000_000))
        .expect("the buffer is empty");
    stream
        .write_all(request(wire).as_bytes())
        .await
        .expect("the connection is open");
    (stream, session)
}

/// Limit: send_timeout
#[tokio::test(start_paused = true)]
async fn a_response_over_http1_that_is_not_read_is_a_slow_client_and_its_message_undelivered() {
    for wire in WIRES {
        let (_unread, session) = start_http1(wire).await;
        sleep(Duration::from_secs(29)).await;
        assert_eq!(session.state(), SessionState::Open, "{wire:?}");

        sleep(Duration::from_secs(2)).await;

        let ending = ending(&session).await;
        assert_eq!(ending.cause(), Cause::SlowClient, "{wire:?}");
        assert_eq!(ending.undelivered(), 1, "{wire:?}");
    }
}

/// Limit: disconnect_delay
#[tokio::test(start_paused = true)]
async fn a_client_that_downloads_slowly_over_http1_keeps_its_session() {
    for wire in WIRES {
        let (mut stream, session) = start_http1(wire).await;

        // A little more than the slices, because of the head and the heads of chunks.
        let mut buffer = vec![0; HYPER_BUFFER + 2000];
        for _ in 0..2_000_000 / buffer.len() {
            sleep(PAUSE).await;
            assert_eq!(session.state(), SessionState::Open, "{wire:?}");
            let read = stream.read_exact(&mut buffer);
            within("bytes", read).await.unwrap();
        }
        let mut tail = Vec::new();
        while !String::from_utf8_lossy(&tail).contains("x\"]\n") {
            let read = within("the rest", stream.read(&mut buffer)).await;
            let read = read.expect("the connection is open");
            assert!(read > 0, "the response is not whole");
            tail = buffer[..read].to_vec();
        }

        sleep(Duration::from_secs(4)).await;
        assert_eq!(session.state(), SessionState::Open, "{wire:?}");
        session.close(3000, "Go away!");
    }
}
