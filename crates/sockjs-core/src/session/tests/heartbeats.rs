//! Heartbeats, and the sign of life that some of them ask for.

use super::*;

/// As for a WebSocket: a heartbeat asks for a sign of life.
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
fn heartbeats_go_on() {
    let mut bench = Bench::open();
    for _ in 0..100 {
        assert_eq!(bench.timeout(), Some(secs(25)));
        bench.advance(secs(25));
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
    }
    assert_eq!(bench.state(), SessionState::Open);
}

#[test]
fn any_frame_ends_the_silence() {
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
fn a_message_takes_the_place_of_a_heartbeat_that_is_due() {
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
fn a_new_receiver_begins_a_new_silence() {
    let mut bench = Bench::open();
    bench.advance(secs(25));
    bench.detach();
    assert_eq!(bench.take(), None);
    bench.attach();
    assert_eq!(bench.take(), None);
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn a_session_that_closes_sends_no_heartbeat() {
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
fn a_heartbeat_that_was_due_gives_way_to_the_close_frame() {
    let mut bench = Bench::open();
    bench.advance(secs(25));
    bench.close();
    assert_eq!(bench.write(), Some(Frame::Close(GO_AWAY)));
}

#[test]
fn pong_time_starts_once_the_ping_is_written() {
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
fn a_silent_client_is_told_why_it_is_closed() {
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
fn any_byte_is_a_sign_of_life() {
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
fn a_payload_is_a_sign_of_life_even_if_it_is_refused() {
    let mut bench = Bench::open_with(asking().with_receive_buffer(0));
    for taken in [true, false, false] {
        bench.pass_deadline();
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
        assert_eq!(bench.post(r#"["x"]"#).is_ok(), taken);
        assert_eq!(bench.timeout(), Some(secs(25)));
    }
}

#[test]
fn a_client_that_is_not_read_need_not_answer() {
    // The buffer has room for one payload and a bit.
    let mut bench = Bench::open_with(asking().with_receive_buffer(100));
    // The second time the next deadline is that of the heartbeat after it.
    for next_deadline in [10, 25] {
        bench.post(r#"["x"]"#).unwrap();
        bench.pass_deadline();
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
        assert_eq!(bench.timeout(), Some(secs(next_deadline)));
    }
}

#[test]
fn a_sign_of_life_before_the_ping_is_written_will_do() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    assert_eq!(bench.take(), Some(Frame::Heartbeat));
    bench.session.handle_alive();
    bench.flush();
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn another_heartbeat_does_not_give_a_silent_client_more_time() {
    let mut bench = Bench::open_with(asking().with_heartbeat_delay(secs(4)));
    for _ in 0..3 {
        bench.advance(secs(4));
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
    }
    bench.advance(secs(2));
    assert_eq!(bench.state(), SessionState::Closing);
}

#[test]
fn only_an_answered_heartbeat_is_followed_by_another_question() {
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
fn whoever_is_not_asked_need_not_answer() {
    let mut bench = Bench::open();
    for _ in 0..100 {
        bench.advance(secs(25));
        assert_eq!(bench.write(), Some(Frame::Heartbeat));
    }
    bench.advance(secs(24));
    assert_eq!(bench.state(), SessionState::Open);
}

#[test]
fn a_question_goes_with_its_receiver() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.detach();
    bench.attach();
    assert_eq!(bench.timeout(), Some(secs(25)));
}

#[test]
fn a_session_that_closes_waits_for_no_answer() {
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
fn of_two_missed_deadlines_the_send_timeout_counts() {
    let mut bench = Bench::open_with(asking());
    bench.advance(secs(25));
    bench.write();
    bench.send("x").unwrap();
    bench.now += secs(3600);
    bench.session.handle_timeout(bench.now);
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
}
