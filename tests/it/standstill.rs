//! A server that stands still, because its process is stopped or its machine sleeps, does not blame
//! its clients.

use std::time::Duration;

use sockjs_axum::{Cause, SessionState, Transport};
use support::{Frame, Frozen, Opcode, ending, received, until};

const HEARTBEAT_DELAY: Duration = Duration::from_secs(25);
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
const DISCONNECT_DELAY: Duration = Duration::from_secs(5);

/// Longer than any timer is late.
const STOP: Duration = Duration::from_secs(8);

/// P13: Absent client.
/// Limit: deadline that is overdue by more than a second, because the process or the machine stood still
#[tokio::test]
async fn polls_that_arrive_while_the_server_stands_still_keep_their_sessions() {
    let mut bench = Frozen::start().await;
    for transport in [Transport::Xhr, Transport::Jsonp] {
        let (mut client, mut session) = bench.open(transport).await;
        bench.clock.advance(Duration::from_secs(1)).await;

        bench.clock.advance(STOP).await;

        assert_eq!(session.state(), SessionState::Open, "{transport:?}");
        client.send("still here").await;
        assert_eq!(received(&mut session).await, "still here");
        session.try_send("you too").unwrap();
        assert_eq!(client.messages(1).await, ["you too"]);

        // A client that is absent then is absent.
        bench.clock.advance(DISCONNECT_DELAY + STOP).await;
        assert_eq!(session.state(), SessionState::Open, "{transport:?}");
        bench.clock.advance(Duration::from_secs(3)).await;
        assert_eq!(ending(&session).await.cause(), Cause::DisconnectTimeout);
    }
}

/// P42: Dead client.
#[tokio::test]
async fn a_pong_that_arrives_while_the_server_stands_still_counts() {
    let mut bench = Frozen::start().await;
    let (mut client, session) = bench.open(Transport::WebSocket).await;
    bench.clock.advance(HEARTBEAT_DELAY).await;
    client.socket().expect("h").await;
    assert_eq!(client.socket().frame().await.opcode, Opcode::Ping);

    bench.clock.advance(PONG_TIMEOUT + STOP).await;

    assert_eq!(session.state(), SessionState::Open);
    client.socket().send(Frame::new(Opcode::Pong, "")).await;
    client.socket().send_text("[]").await;
    // Nobody sees a pong arrive, but with it no time runs out.
    for _ in 0..3 {
        bench.clock.advance(Duration::from_secs(3)).await;
    }
    assert_eq!(session.state(), SessionState::Open);
    until("an open session", || bench.handle.len() == 1).await;
}
