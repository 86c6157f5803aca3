//! One message to many sessions, some of them slow.

use futures_util::{FutureExt as _, pin_mut};
use sockjs_axum::{BroadcastOutcome, Cause, Session, SessionState, SlowPolicy, Transport};
use support::{Client, ending, within};

use super::Bench;

fn counts(broadcast: BroadcastOutcome) -> (usize, usize, usize) {
    (broadcast.sent, broadcast.skipped, broadcast.closed)
}

/// Three sessions, the second of which has a full buffer.
struct Three {
    bench: Bench,
    clients: [Client; 3],
    sessions: [Session; 3],
}

impl Three {
    async fn open() -> Self {
        let mut bench = Bench::start(|layer| layer.send_buffer(100)).await;
        let (first, one) = bench.open(Transport::WebSocket).await;
        let (second, slow) = bench.open(Transport::Xhr).await;
        let (third, three) = bench.open(Transport::EventSource).await;
        slow.try_send("its own").expect("the buffer is empty");
        Self {
            bench,
            clients: [first, second, third],
            sessions: [one, slow, three],
        }
    }

    /// Makes sure that those that are not slow have the message.
    async fn expect_others(&mut self) {
        let [first, _, third] = &mut self.clients;
        assert_eq!(first.messages(1).await, [LONG]);
        assert_eq!(third.messages(1).await, [LONG]);
    }
}

/// A message so long that a second one does not fit into the buffer.
const LONG: &str = "a message to all of more than a few characters";

#[tokio::test]
async fn a_broadcast_reaches_every_session_of_every_transport() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut open = Vec::new();
    for &transport in Transport::ALL.iter().chain(Transport::ALL) {
        open.push(bench.open(transport).await);
    }

    for slow in [SlowPolicy::Wait, SlowPolicy::Skip, SlowPolicy::Close] {
        let text = format!("to all \u{2028} {slow:?}");
        let broadcast = bench.handle.broadcast(&*text, slow).await;

        assert_eq!(counts(broadcast), (14, 0, 0));
        for (client, _) in &mut open {
            assert_eq!(client.messages(1).await, [&*text]);
        }
    }
}

#[tokio::test]
async fn a_broadcast_reaches_only_the_chosen_sessions() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut open = Vec::new();
    for &transport in Transport::ALL {
        open.push(bench.open(transport).await);
    }

    let handle = &bench.handle;
    let websockets = |it: &sockjs_axum::SessionRef| it.transport().is_websocket();
    let broadcast = handle.broadcast_to(websockets, "websockets", SlowPolicy::Wait);
    assert_eq!(counts(broadcast.await), (2, 0, 0));
    let others = |it: &sockjs_axum::SessionRef| !it.transport().is_websocket();
    let broadcast = handle
        .broadcast_to(others, "others", SlowPolicy::Wait)
        .await;
    assert_eq!(counts(broadcast), (5, 0, 0));
    let broadcast = handle
        .broadcast_to(|_| false, "nobody", SlowPolicy::Wait)
        .await;
    assert_eq!(counts(broadcast), (0, 0, 0));

    for (client, session) in &mut open {
        session.try_send("end").unwrap();
        let expected = if client.transport().is_websocket() {
            "websockets"
        } else {
            "others"
        };
        assert_eq!(client.messages(2).await, [expected, "end"]);
    }
}

#[tokio::test]
async fn a_slow_session_may_be_skipped() {
    let mut three = Three::open().await;

    let broadcast = three.bench.handle.broadcast(LONG, SlowPolicy::Skip).await;

    assert_eq!(counts(broadcast), (2, 1, 0));
    three.expect_others().await;
    let [_, slow, _] = &three.sessions;
    assert_eq!(slow.state(), SessionState::Open);
    let client = &mut three.clients[1];
    assert_eq!(client.messages(1).await, ["its own"]);
    slow.try_send("the next").unwrap();
    assert_eq!(client.messages(1).await, ["the next"]);
}

#[tokio::test]
async fn a_slow_session_may_be_closed() {
    let mut three = Three::open().await;

    let broadcast = three.bench.handle.broadcast(LONG, SlowPolicy::Close).await;

    assert_eq!(counts(broadcast), (2, 0, 1));
    three.expect_others().await;
    let ending = ending(&three.sessions[1]).await;
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::SlowClient, 1)
    );
    let (peer, _) = three.clients[1].http();
    assert_eq!(peer.poll().await, "c[1002,\"Connection interrupted\"]\n");
    for session in [&three.sessions[0], &three.sessions[2]] {
        assert_eq!(session.state(), SessionState::Open);
    }
}

#[tokio::test]
async fn a_broadcast_that_waits_for_a_slow_session_has_reached_the_others() {
    let mut three = Three::open().await;

    let handle = three.bench.handle.clone();
    let broadcast = handle.broadcast(LONG, SlowPolicy::Wait);
    pin_mut!(broadcast);
    assert_eq!(broadcast.as_mut().now_or_never(), None);
    three.expect_others().await;
    assert_eq!(broadcast.as_mut().now_or_never(), None);

    let client = &mut three.clients[1];
    let (broadcast, messages) = tokio::join!(within("its end", broadcast), client.messages(2));

    assert_eq!(counts(broadcast), (3, 0, 0));
    assert_eq!(messages, ["its own", LONG]);
}

#[tokio::test]
async fn a_broadcast_stops_waiting_for_a_slow_session_that_ends() {
    let mut three = Three::open().await;

    let handle = three.bench.handle.clone();
    let broadcast = handle.broadcast(LONG, SlowPolicy::Wait);
    pin_mut!(broadcast);
    assert_eq!(broadcast.as_mut().now_or_never(), None);
    three.sessions[1].close(3000, "Go away!");

    let broadcast = within("its end", broadcast).await;

    assert_eq!(counts(broadcast), (2, 0, 1));
    three.expect_others().await;
    assert_eq!(three.clients[1].messages(1).await, ["its own"]);
}

#[tokio::test]
async fn a_dropped_broadcast_does_not_reach_the_sessions_it_waited_for() {
    let mut three = Three::open().await;

    let broadcast = three
        .bench
        .handle
        .broadcast(LONG, SlowPolicy::Wait)
        .now_or_never();

    assert_eq!(broadcast, None);
    three.expect_others().await;
    let client = &mut three.clients[1];
    assert_eq!(client.messages(1).await, ["its own"]);
    three.sessions[1].try_send("the next").unwrap();
    assert_eq!(client.messages(1).await, ["the next"]);
}

#[tokio::test]
async fn a_broadcast_leaves_out_closing_sessions() {
    let mut bench = Bench::start(|layer| layer).await;
    let nobody = bench.handle.broadcast("x", SlowPolicy::Wait).await;
    assert_eq!(counts(nobody), (0, 0, 0));
    let (mut client, _session) = bench.open(Transport::Xhr).await;
    let (mut closing, session) = bench.open(Transport::Xhr).await;
    session.close(3000, "Go away!");

    for slow in [SlowPolicy::Wait, SlowPolicy::Skip, SlowPolicy::Close] {
        let broadcast = bench.handle.broadcast("x", slow).await;
        assert_eq!(counts(broadcast), (1, 0, 0));
    }

    assert_eq!(client.messages(3).await, ["x"; 3]);
    closing.expect_close(3000, "Go away!").await;
}
