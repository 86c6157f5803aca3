//! The disconnect delay, the send timeout, and timers that fire early, late or twice.

use super::*;

fn without_heartbeat() -> SessionConfig {
    SessionConfig::default().with_heartbeat_delay(None)
}

#[test]
fn disconnect_delay_runs_only_without_a_receiver() {
    let mut bench = Bench::open_with(without_heartbeat());
    bench.advance(FOREVER);
    assert_eq!(bench.state(), SessionState::Open);

    for _ in 0..100 {
        bench.detach();
        bench.advance(secs(5) - Duration::from_nanos(1));
        bench.attach();
    }
    bench.advance(FOREVER);
    assert_eq!(bench.state(), SessionState::Open);

    bench.detach();
    bench.advance(secs(5));
    assert_eq!(bench.cause(), Some(Cause::DisconnectTimeout));
    assert_eq!(bench.reason(), Some(&CloseReason::INTERRUPTED));
}

#[test]
fn detaching_twice_does_not_prolong_the_session() {
    let mut bench = Bench::open();
    bench.detach();
    bench.advance(secs(3));
    bench.detach();
    assert_eq!(bench.timeout(), Some(secs(2)));
}

#[test]
fn disconnect_delay_starts_when_the_complete_receiver_is_released() {
    let mut bench = Bench::open_with(without_heartbeat());
    bench.complete();
    bench.advance(secs(29));
    assert_eq!(bench.state(), SessionState::Open);
    bench.release();
    assert_eq!(bench.timeout(), Some(secs(5)));
    bench.advance(secs(1));
    bench.release();
    assert_eq!(bench.timeout(), Some(secs(4)));
    bench.advance(secs(4));
    assert_eq!(bench.cause(), Some(Cause::DisconnectTimeout));
}

#[test]
fn a_complete_receiver_that_is_never_released_ends_the_session_after_the_send_timeout() {
    let mut bench = Bench::open();
    bench.complete();
    bench.advance(secs(10));
    // Neither of these is a sign of life.
    bench.complete();
    bench.session.handle_progress(bench.now);
    bench.flush();
    assert_eq!(bench.timeout(), Some(secs(20)));
    bench.advance(secs(20));
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
    assert_eq!(bench.reason(), Some(&CloseReason::INTERRUPTED));
}

#[test]
fn a_late_release_does_not_disturb_the_next_receiver() {
    let mut bench = Bench::open();
    bench.complete();
    bench.attach();
    let before = bench.snapshot();
    bench.now += secs(1);
    bench.release();
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn a_session_that_closes_before_the_release_waits_for_it() {
    let mut bench = Bench::open();
    bench.complete();
    bench.advance(secs(10));
    bench.close();
    assert_eq!(bench.timeout(), Some(secs(20)));
    bench.release();
    assert_eq!(bench.timeout(), Some(secs(5)));
    bench.attach();
    assert_eq!(bench.take(), Some(Frame::Close(GO_AWAY)));
}

#[test]
fn attaching_before_a_late_timer_keeps_the_session() {
    let mut bench = Bench::open();
    bench.detach();
    bench.now += secs(6);
    bench.attach();
    bench.session.handle_timeout(bench.now);
    assert_eq!(bench.state(), SessionState::Open);
}

#[test]
fn closing_restarts_the_disconnect_delay_once() {
    for mut bench in [Bench::new(), Bench::open()] {
        bench.detach();
        bench.advance(secs(4));
        bench.close();
        assert_eq!(bench.timeout(), Some(secs(5)));
        bench.advance(secs(1));
        bench.close();
        assert_eq!(bench.timeout(), Some(secs(4)));
        bench.advance(secs(4));
        assert_eq!(bench.cause(), Some(Cause::ClosedByApp));
    }
}

#[test]
fn slow_client_is_closed_after_send_timeout() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    bench.advance(secs(30) - Duration::from_nanos(1));
    assert_eq!(bench.state(), SessionState::Open);
    bench.advance(Duration::from_nanos(1));
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
    assert_eq!(bench.reason(), Some(&CloseReason::INTERRUPTED));
    assert_eq!(bench.undelivered(), Some(1));
}

#[test]
fn send_timeout_applies_to_every_kind_of_frame() {
    let open_frame = |bench: &mut Bench| {
        *bench = Bench::new();
        bench.attach();
    };
    let message_for_the_next_receiver = |bench: &mut Bench| {
        bench.detach();
        bench.send("x").unwrap();
        bench.attach();
    };
    let unwritten_message = |bench: &mut Bench| {
        bench.send("x").unwrap();
        bench.take();
    };
    let heartbeat = |bench: &mut Bench| bench.advance(secs(25));
    let unwritten_heartbeat = |bench: &mut Bench| {
        bench.advance(secs(25));
        bench.take();
    };
    let close_frame_for_the_next_receiver = |bench: &mut Bench| {
        bench.close();
        bench.detach();
        bench.attach();
    };
    let table: [(fn(&mut Bench), _); 7] = [
        (open_frame, Cause::SlowClient),
        (message_for_the_next_receiver, Cause::SlowClient),
        (unwritten_message, Cause::SlowClient),
        (heartbeat, Cause::SlowClient),
        (unwritten_heartbeat, Cause::SlowClient),
        (Bench::close, Cause::ClosedByApp),
        (close_frame_for_the_next_receiver, Cause::ClosedByApp),
    ];
    for (i, (prepare, cause)) in table.into_iter().enumerate() {
        let mut bench = Bench::open();
        prepare(&mut bench);
        bench.advance(secs(29));
        assert_eq!(bench.cause(), None, "{i}");
        bench.advance(secs(1));
        assert_eq!(bench.cause(), Some(cause), "{i}");
    }
}

#[test]
fn send_timeout_starts_with_the_first_message() {
    let mut bench = Bench::open();
    for _ in 0..29 {
        bench.send("x").unwrap();
        bench.advance(secs(1));
    }
    // A message that was handed out is not yet flushed.
    bench.take();
    assert_eq!(bench.timeout(), Some(secs(1)));
}

#[test]
fn progress_restarts_the_send_timeout() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    bench.take();
    for _ in 0..100 {
        bench.advance(secs(29));
        bench.session.handle_progress(bench.now);
    }
    assert_eq!(bench.state(), SessionState::Open);
    bench.advance(secs(30));
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
}

#[test]
fn progress_without_frames_in_flight_changes_nothing() {
    let mut bench = Bench::open();
    let before = bench.snapshot();
    bench.now += secs(1);
    bench.session.handle_progress(bench.now);
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn a_flush_stops_the_send_timeout_unless_frames_are_queued() {
    let mut bench = Bench::open_with(without_heartbeat());
    bench.send("x").unwrap();
    bench.take();
    bench.send("y").unwrap();
    bench.advance(secs(20));
    bench.flush();
    assert_eq!(bench.timeout(), Some(secs(30)));
    bench.write();
    assert_eq!(bench.timeout(), None);
}

#[test]
fn a_flush_restarts_the_send_timeout_of_a_due_heartbeat() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    bench.take();
    bench.advance(secs(25));
    bench.flush();
    assert!(bench.session.has_frame());
    assert_eq!(bench.timeout(), Some(secs(30)));
    bench.advance(secs(30));
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
}

#[test]
fn a_flush_restarts_the_send_timeout_of_a_close_frame() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    bench.take();
    bench.close();
    bench.advance(secs(20));
    bench.flush();
    assert_eq!(bench.timeout(), Some(secs(30)));
}

#[test]
fn bytes_that_are_no_frame_start_the_send_timeout() {
    let mut bench = Bench::open_with(without_heartbeat());
    bench.session.handle_blocked(bench.now);
    bench.advance(secs(29));
    bench.session.handle_blocked(bench.now);
    assert_eq!(bench.timeout(), Some(secs(1)));
    bench.session.handle_progress(bench.now);
    assert_eq!(bench.timeout(), Some(secs(30)));
    bench.flush();
    assert_eq!(bench.timeout(), None);

    bench.session.handle_blocked(bench.now);
    bench.advance(secs(30));
    assert_eq!(bench.cause(), Some(Cause::SlowClient));
    assert_eq!(bench.undelivered(), Some(0));
}

type End = (fn(&mut Bench), Duration, Cause);

/// Starts each delay that ends a session, with its length and its cause.
fn ends() -> [End; 4] {
    [
        (
            |bench| *bench = Bench::new(),
            secs(5),
            Cause::DisconnectTimeout,
        ),
        (Bench::detach, secs(5), Cause::DisconnectTimeout),
        (|bench| drop(bench.send("x")), secs(30), Cause::SlowClient),
        (
            |bench| {
                bench.advance(secs(25));
                bench.write();
            },
            secs(10),
            Cause::HeartbeatTimeout,
        ),
    ]
}

fn config_with_pong_timeout() -> SessionConfig {
    SessionConfig::default().with_pong_timeout(secs(10))
}

fn end_cause(bench: &mut Bench) -> Option<Cause> {
    // A client that does not answer a heartbeat is sent a close frame.
    if bench.state() == SessionState::Closing {
        bench.write();
    }
    bench.cause()
}

#[test]
fn a_deadline_that_is_long_overdue_is_postponed_once() {
    for (prepare, delay, cause) in ends() {
        let mut bench = Bench::open_with(config_with_pong_timeout());
        prepare(&mut bench);
        // The process was stopped.
        bench.now += delay + secs(8);
        bench.session.handle_timeout(bench.now);
        assert_eq!(end_cause(&mut bench), None, "{cause:?}");
        assert_eq!(bench.timeout(), Some(secs(2)), "{cause:?}");

        // A second stop does not help.
        bench.now += secs(60);
        bench.session.handle_timeout(bench.now);
        assert_eq!(end_cause(&mut bench), Some(cause));
    }
}

#[test]
fn a_deadline_that_is_a_little_overdue_has_passed() {
    for (prepare, delay, cause) in ends() {
        let mut bench = Bench::open_with(config_with_pong_timeout());
        prepare(&mut bench);
        bench.now += delay + secs(1);
        bench.session.handle_timeout(bench.now);
        assert_eq!(end_cause(&mut bench), Some(cause));
    }
}

#[test]
fn what_the_client_did_during_a_stop_counts() {
    let mut bench = Bench::open();
    bench.detach();
    bench.now += secs(60);
    bench.session.handle_timeout(bench.now);
    bench.now += secs(1);
    bench.attach();
    bench.session.handle_timeout(bench.now);
    assert_eq!(bench.state(), SessionState::Open);

    // The next stop is another one.
    bench.detach();
    bench.now += secs(60);
    bench.session.handle_timeout(bench.now);
    assert_eq!(bench.state(), SessionState::Open);
    bench.advance(secs(2));
    assert_eq!(bench.cause(), Some(Cause::DisconnectTimeout));
}

#[test]
fn a_delay_shorter_than_the_extension_is_extended_by_itself() {
    for (delay, extended) in [(secs(1), Some(secs(1))), (Duration::ZERO, None)] {
        let mut bench = Bench::open_with(SessionConfig::default().with_disconnect_delay(delay));
        bench.detach();
        bench.now += secs(60);
        bench.session.handle_timeout(bench.now);
        assert_eq!(bench.timeout(), extended);
    }
}

#[test]
fn the_longest_delays_do_not_pass() {
    for heartbeat_delay in [Duration::MAX, secs(25)] {
        let mut bench = Bench::open_with(
            SessionConfig::default()
                .with_heartbeat_delay(Some(heartbeat_delay))
                .with_disconnect_delay(Duration::MAX)
                .with_pong_timeout(Some(Duration::MAX))
                .with_send_timeout(Duration::MAX),
        );
        bench.advance(secs(25));
        // With the shorter delay, this is a heartbeat; with the longer, nothing.
        bench.write();
        bench.advance(FOREVER);
        bench.send("x").unwrap();
        bench.advance(FOREVER);
        bench.detach();
        bench.advance(FOREVER);
        assert_eq!(bench.state(), SessionState::Open);
    }
}

#[test]
fn late_early_and_repeated_timeouts_change_nothing() {
    let mut bench = Bench::open();
    let before = bench.snapshot();
    for _ in 0..24 {
        bench.now += secs(1);
        bench.session.handle_timeout(bench.now);
    }
    assert_eq!(bench.snapshot(), before);

    // A timer that is an hour late makes one heartbeat due. The send timeout starts only then.
    bench.now += secs(3600);
    bench.session.handle_timeout(bench.now);
    let before = bench.snapshot();
    bench.session.handle_timeout(bench.now);
    assert_eq!(bench.snapshot(), before);
    assert_eq!(bench.write(), Some(Frame::Heartbeat));
    assert_eq!(bench.write(), None);
    assert_eq!(bench.timeout(), Some(secs(25)));
}
