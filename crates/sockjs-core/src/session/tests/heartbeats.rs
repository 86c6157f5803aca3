//! Heartbeats and the pong timeout.

use super::*;

/// A configuration with a pong timeout, as for a WebSocket.
fn asking() -> SessionConfig {
    SessionConfig::default().with_pong_timeout(secs(10))
}

#[test]
fn heartbeat_follows_silence() {
    let mut bench = Bench::open();
    bench.advance(secs(24));
    assert_eq!(bench.write(), None);
    bench.advance(secs(1));
    assert_eq!(bench.write(), Some(Frame::Heartbeat));
    assert_eq!(bench.write(), None);
}

#[test]
fn heartbeats_repeat() {
    let mut bench = Bench::open();
    for _ in 0..100 {
        assert_eq!(bench.timeout(), Some(secs(25)));
        bench.advance(secs(25));
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
    }
    assert_eq!(bench.state(), SessionState::Open);
}

#[test]
fn any_frame_restarts_the_heartbeat_delay() {
    let mut bench = Bench::open();
    bench.advance(secs(24));
    bench.send("x").unwrap();
    bench.write();
    bench.advance(secs(24));
    assert_eq!(bench.write(), None);
    bench.advance(secs(1));
    assert_eq!(bench.write(), Some(Frame::Heartbeat));
}

#[test]
fn a_message_replaces_a_due_heartbeat() {
    let mut bench = Bench::open();
    bench.advance(secs(25));
    bench.send("x").unwrap();
    assert_eq!(bench.write(), messages(["x"]));
    assert_eq!(bench.write(), None);
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn heartbeats_can_be_off() {
    for heartbeat_delay in [None, Some(Duration::ZERO)] {
        let mut bench =
            Bench::open_with(SessionConfig::default().with_heartbeat_delay(heartbeat_delay));
        assert_eq!(bench.timeout(), None);
        bench.advance(FOREVER);
        assert_eq!(bench.write(), None);
        assert_eq!(bench.state(), SessionState::Open);
    }
}

#[test]
fn a_new_receiver_restarts_the_heartbeat_delay() {
    let mut bench = Bench::open();
    bench.advance(secs(25));
    bench.detach();
    assert_eq!(bench.take(), None);
    bench.attach();
    assert_eq!(bench.take(), None);
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn a_closing_session_sends_no_heartbeat() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    bench.close();
    assert_eq!(bench.take(), messages(["x"]));
    bench.advance(secs(29));
    assert_eq!(bench.take(), None);
    bench.flush();
    assert_eq!(bench.take(), Some(Frame::Close(GO_AWAY)));
}

#[test]
fn a_close_frame_replaces_a_due_heartbeat() {
    let mut bench = Bench::open();
    bench.advance(secs(25));
    bench.close();
    assert_eq!(bench.write(), Some(Frame::Close(GO_AWAY)));
}

#[test]
fn pong_timeout_starts_when_the_heartbeat_is_flushed() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    assert_eq!(bench.take(), Some(Frame::Heartbeat));
    bench.advance(secs(20));
    assert_eq!(bench.state(), SessionState::Open);
    bench.flush();
    bench.advance(secs(10) - Duration::from_nanos(1));
    assert_eq!(bench.state(), SessionState::Open);
    bench.advance(Duration::from_nanos(1));
    assert_eq!(bench.state(), SessionState::Closing);
}

#[test]
fn a_client_that_does_not_answer_is_sent_the_reason() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.send("x").unwrap();
    bench.advance(secs(10));
    assert_eq!(bench.send("y"), Err(SendError::Closed("y".into())));
    assert_eq!(bench.write(), messages(["x"]));
    let reason = CloseReason::NO_HEARTBEAT;
    assert_eq!(bench.write(), Some(Frame::Close(reason.clone())));
    assert_eq!(bench.cause(), Some(Cause::HeartbeatTimeout));
    assert_eq!(bench.reason(), Some(&reason));
}

#[test]
fn any_byte_answers_a_heartbeat() {
    for answer in [secs(0), secs(10) - Duration::from_nanos(1)] {
        let mut bench = Bench::open_with(asking());
        for _ in 0..100 {
            bench.pass_deadline();
            assert_eq!(bench.write(), Some(Frame::Heartbeat));
            bench.advance(answer);
            bench.session.handle_alive();
        }
        assert_eq!(bench.timeout(), Some(secs(25) - answer));
    }
}

#[test]
fn an_accepted_or_refused_payload_answers_a_heartbeat() {
    let mut bench = Bench::open_with(asking().with_receive_buffer(0));
    for taken in [true, false, false] {
        bench.pass_deadline();
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
        assert_eq!(bench.post(r#"["x"]"#).is_ok(), taken);
        assert_eq!(bench.timeout(), Some(secs(25)));
    }
}

#[test]
fn no_answer_is_expected_while_the_receive_buffer_is_full() {
    // The buffer has room for one payload and a bit.
    let mut bench = Bench::open_with(asking().with_receive_buffer(100));
    // After the second payload the buffer is full. No answer is expected, so the next deadline is
    // that of the next heartbeat.
    for next_deadline in [10, 25] {
        bench.post(r#"["x"]"#).unwrap();
        bench.pass_deadline();
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
        assert_eq!(bench.timeout(), Some(secs(next_deadline)));
    }
}

#[test]
fn bytes_before_the_flush_answer_a_heartbeat() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    assert_eq!(bench.take(), Some(Frame::Heartbeat));
    bench.session.handle_alive();
    bench.flush();
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn another_heartbeat_does_not_extend_the_pong_timeout() {
    let mut bench = Bench::open_with(asking().with_heartbeat_delay(secs(4)));
    for _ in 0..3 {
        bench.advance(secs(4));
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
    }
    bench.advance(secs(2));
    assert_eq!(bench.state(), SessionState::Closing);
}

#[test]
fn pong_timeout_restarts_only_after_an_answer() {
    let mut bench = Bench::open_with(asking().with_heartbeat_delay(secs(4)));
    bench.advance(secs(4));
    bench.write();
    bench.advance(secs(4));
    bench.session.handle_alive();
    bench.write();
    bench.advance(secs(3));
    assert_eq!(bench.state(), SessionState::Open);
    bench.session.handle_alive();
    bench.advance(secs(1));
    bench.write();
    bench.advance(secs(9));
    assert_eq!(bench.state(), SessionState::Open);
    bench.write();
    bench.advance(secs(1));
    assert_eq!(bench.state(), SessionState::Closing);
}

#[test]
fn without_pong_timeout_no_answer_is_expected() {
    let mut bench = Bench::open();
    for _ in 0..100 {
        bench.advance(secs(25));
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
    }
    bench.advance(secs(24));
    assert_eq!(bench.state(), SessionState::Open);
}

#[test]
fn detaching_cancels_the_pong_timeout() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.detach();
    bench.attach();
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn closing_cancels_the_pong_timeout() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.close();
    assert_eq!(bench.timeout(), Some(secs(30)));
    bench.advance(secs(10));
    assert_eq!(bench.write(), Some(Frame::Close(GO_AWAY)));
    assert_eq!(bench.cause(), Some(Cause::ClosedByApp));
}

#[test]
fn send_timeout_wins_over_pong_timeout() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.send("x").unwrap();
    bench.now += secs(3600);
    // It postpones both.
    bench.session.handle_timeout(bench.now);
    bench.advance(secs(2));
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
}

#[test]
fn no_answer_is_expected_while_the_driver_waits_for_the_receiver() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.advance(secs(5));
    // The driver reads nothing while a pong of its own waits.
    bench.session.handle_blocked(bench.now);
    bench.advance(secs(20));
    assert_eq!(bench.state(), SessionState::Open);
    bench.flush();
    assert_eq!(bench.cause(), None);
}
