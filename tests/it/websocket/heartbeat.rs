//! Heartbeats, and clients that do not answer them, to the millisecond: the paused clock of these
//! tests advances only when all tasks wait.

use std::time::Duration;

use axum::Router;
use sockjs_axum::{Cause, Session, SessionState, SockJsLayer};
use support::{Frame, Opcode, Sessions, WebSocket, received, timed, websocket_in_memory};
use tokio::{
    io::DuplexStream,
    time::{Instant, sleep, timeout},
};

use super::{PATH, assert_ended};

const HEARTBEAT: Duration = Duration::from_secs(7);
const PONG: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const NO_RESPONSE: &str = "No response from heartbeat";

/// A WebSocket through memory, up to the open frame, and its session.
async fn open(
    buffer: usize,
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (WebSocket<DuplexStream>, Session) {
    let layer = SockJsLayer::new("/echo")
        .heartbeat_delay(HEARTBEAT)
        .pong_timeout(PONG);
    let (layer, mut sessions) = Sessions::capture(configure(layer));
    let router = Router::new().layer(layer);
    let mut socket = websocket_in_memory(router, PATH, buffer).await;
    socket.expect("o").await;
    (socket, sessions.next().await)
}

/// Reads a heartbeat and the ping that comes with it.
async fn expect_heartbeat(socket: &mut WebSocket<DuplexStream>) {
    socket.expect("h").await;
    assert_eq!(socket.frame().await, ping());
}

/// Reads the close frames that a dead client gets.
async fn expect_no_response(socket: &mut WebSocket<DuplexStream>) {
    socket.expect(&format!("c[3000,\"{NO_RESPONSE}\"]")).await;
    socket.expect_close(3000, NO_RESPONSE).await;
}

/// Waits for `future` and asserts that it took as long, up to the grain of tokio's timer.
async fn after<F: Future>(expected: Duration, future: F) -> F::Output {
    let (elapsed, output) = timed(future).await;
    let late = elapsed.checked_sub(expected);
    let grain = Duration::from_millis(10);
    assert!(late.is_some_and(|late| late < grain), "{elapsed:?}");
    output
}

fn ping() -> Frame {
    Frame::new(Opcode::Ping, "")
}

fn pong() -> Frame {
    Frame::new(Opcode::Pong, "")
}

/// P41: Heartbeat.
#[tokio::test(start_paused = true)]
async fn silence_causes_an_h_frame_and_a_ping() {
    let (mut socket, _session) = open(BUFFER, |layer| layer).await;

    for _ in 0..100 {
        after(HEARTBEAT, expect_heartbeat(&mut socket)).await;
        socket.send(pong()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_postpones_the_heartbeat() {
    let (mut socket, session) = open(BUFFER, |layer| layer).await;

    for _ in 0..3 {
        sleep(HEARTBEAT - Duration::from_secs(1)).await;
        session.try_send("x").unwrap();
        socket.expect(r#"a["x"]"#).await;
    }

    after(HEARTBEAT, expect_heartbeat(&mut socket)).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_from_the_client_postpones_nothing() {
    let (mut socket, _session) = open(BUFFER, |layer| layer).await;

    sleep(HEARTBEAT - Duration::from_secs(1)).await;
    socket.send_text(r#"["x"]"#).await;

    after(Duration::from_secs(1), expect_heartbeat(&mut socket)).await;
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_delay_of_zero_means_none() {
    let off = |layer: SockJsLayer| layer.heartbeat_delay(Duration::ZERO);
    let (mut socket, session) = open(BUFFER, off).await;

    sleep(DAY).await;
    session.try_send("x").unwrap();

    socket.expect(r#"a["x"]"#).await;
}

/// P42: Dead client.
/// Limit: pong_timeout
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_a_ping_is_closed() {
    let (mut socket, session) = open(BUFFER, |layer| layer).await;

    after(HEARTBEAT, expect_heartbeat(&mut socket)).await;
    after(PONG, expect_no_response(&mut socket)).await;

    assert_ended(&session, Cause::HeartbeatTimeout, 3000, NO_RESPONSE).await;
}

#[tokio::test(start_paused = true)]
async fn a_pong_timeout_of_zero_waits_for_ever() {
    let off = |layer: SockJsLayer| layer.pong_timeout(Duration::ZERO);
    let (mut socket, _session) = open(BUFFER, off).await;

    for _ in 0..100 {
        after(HEARTBEAT, expect_heartbeat(&mut socket)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pong_timeout_may_be_longer_than_the_heartbeat_delay() {
    let long = |layer: SockJsLayer| layer.pong_timeout(HEARTBEAT * 2 + PONG);
    let (mut socket, session) = open(BUFFER, long).await;

    // The timeout starts at the first unanswered ping.
    for _ in 0..3 {
        after(HEARTBEAT, expect_heartbeat(&mut socket)).await;
    }
    after(PONG, expect_no_response(&mut socket)).await;

    assert_ended(&session, Cause::HeartbeatTimeout, 3000, NO_RESPONSE).await;
}

#[tokio::test(start_paused = true)]
async fn any_frame_is_a_sign_of_life() {
    let (mut socket, _session) = open(BUFFER, |layer| layer).await;

    for frame in [
        pong(),
        Frame::new(Opcode::Pong, "of another ping"),
        ping(),
        Frame::text(r#"["x"]"#),
        Frame::text("[]"),
        Frame::text("[").to_be_continued(),
        Frame::new(Opcode::Continuation, "]"),
    ] {
        let asks = frame == ping();
        expect_heartbeat(&mut socket).await;
        sleep(PONG - Duration::from_millis(100)).await;
        socket.send(frame).await;
        if asks {
            assert_eq!(socket.frame().await, pong());
        }
    }

    expect_heartbeat(&mut socket).await;
}

/// P42: Dead client.
#[tokio::test(start_paused = true)]
async fn any_byte_is_a_sign_of_life() {
    let (mut socket, session) = open(BUFFER, |layer| layer).await;
    let message = Frame::text(r#"["a slow message"]"#).masked();
    let (last, start) = message.split_last().unwrap();

    // A message that takes two minutes, on a link that does not get a pong through.
    for byte in start {
        sleep(PONG - Duration::from_millis(100)).await;
        socket.write([*byte]).await;
    }
    assert_eq!(session.state(), SessionState::Open);
    socket.write([*last]).await;
    assert_eq!(received(&mut { session }).await, "a slow message");
}

/// P42: Dead client.
#[tokio::test(start_paused = true)]
async fn the_pong_timeout_starts_when_the_ping_is_written() {
    let (mut socket, session) = open(1024, |layer| layer).await;
    // With the bytes around it, this fills the link to the last byte.
    let message = "x".repeat(1024 - 4 - r#"a[""]"#.len());

    session.try_send(&*message).unwrap();
    sleep(HEARTBEAT + PONG * 2).await;
    assert_eq!(session.state(), SessionState::Open);
    assert_eq!(socket.messages(1).await, [message]);
    expect_heartbeat(&mut socket).await;
    sleep(PONG - Duration::from_millis(100)).await;
    socket.send(pong()).await;

    for _ in 0..3 {
        expect_heartbeat(&mut socket).await;
        socket.send(pong()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_message_on_a_slow_link_does_not_end_the_session() {
    let (mut socket, session) = open(1024, |layer| layer).await;
    let message = "x".repeat(10 * 1024);

    // The link accepts a kilobyte now and then, and the ping waits behind the message.
    session.try_send(&*message).unwrap();
    let start = Instant::now();
    while start.elapsed() < HEARTBEAT + PONG * 2 {
        sleep(PONG - Duration::from_secs(1)).await;
        socket.readable().await;
    }

    assert_eq!(socket.messages(1).await, [message]);
    expect_heartbeat(&mut socket).await;
    socket.send(pong()).await;
    after(HEARTBEAT, expect_heartbeat(&mut socket)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_read_is_not_dead() {
    let small = |layer: SockJsLayer| layer.receive_buffer(10);
    let (mut socket, mut session) = open(BUFFER, small).await;

    // The receive buffer is full, so that no pong gets through to the session.
    for n in 0..3 {
        socket.send_text(format!("[\"message {n}\"]")).await;
    }
    for _ in 0..10 {
        expect_heartbeat(&mut socket).await;
        socket.send(pong()).await;
    }

    for n in 0..3 {
        let message = timeout(DAY, session.recv()).await.unwrap();
        assert_eq!(message.as_deref(), Some(&*format!("message {n}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_lost_while_not_read_is_noticed_at_the_next_heartbeat() {
    let small = |layer: SockJsLayer| layer.receive_buffer(10);
    let (mut socket, mut session) = open(BUFFER, small).await;

    for n in 0..3 {
        socket.send_text(format!("[\"message {n}\"]")).await;
    }
    drop(socket);

    let ending = after(HEARTBEAT, session.closed()).await;
    assert_eq!(ending.cause(), Cause::ReceiverLost);
    assert_eq!(received(&mut session).await, "message 0");
}

#[tokio::test(start_paused = true)]
async fn a_close_stops_heartbeats() {
    let (mut socket, session) = open(16, |layer| layer).await;

    // The client does not read at first.
    session.try_send("x".repeat(64)).unwrap();
    session.close(3000, "Go away!");
    sleep(HEARTBEAT * 2).await;

    assert_eq!(socket.messages(1).await, ["x".repeat(64)]);
    socket.expect(r#"c[3000,"Go away!"]"#).await;
    socket.expect_close(3000, "Go away!").await;
}

/// More than any test here needs.
const BUFFER: usize = 64 * 1024;
