//! Properties that hold for any order of method calls, even if it violates the contract.

use proptest::prelude::*;

use super::trial::{Call, Trial, any_calls, any_script, any_time, reason};
use super::*;

proptest! {
    #[test]
    fn the_open_frame_comes_once_and_first(script in any_script()) {
        let trial = Trial::run(&script);
        for (i, frame) in trial.frames.iter().enumerate() {
            assert_eq!(*frame == Frame::Open, i == 0);
        }
    }

    #[test]
    fn the_close_frame_comes_once_and_last(script in any_script()) {
        let trial = Trial::run(&script);
        for (i, frame) in trial.frames.iter().enumerate() {
            if let Frame::Close(reason) = frame {
                assert_eq!(i, trial.frames.len() - 1);
                assert_eq!(trial.bench.reason(), Some(reason));
                assert_eq!(trial.bench.undelivered(), Some(0));
            }
        }
    }

    #[test]
    fn messages_leave_in_the_order_sent_each_once(script in any_script()) {
        let trial = Trial::run(&script);
        let mut sent = trial.sent.iter();
        for frame in &trial.frames {
            if let Frame::Messages(messages) = frame {
                assert!(!messages.is_empty());
                for message in messages {
                    assert_eq!(sent.next(), Some(message));
                }
            }
        }
    }

    #[test]
    fn accepted_messages_go_to_the_next_receiver(script in any_script()) {
        let mut trial = Trial::run(&script);
        if trial.bench.state() != SessionState::Closed {
            trial.call(&Call::Detach);
            trial.call(&Call::Attach);
            // A frame has no more messages than fit in it, so that there may be many frames.
            while trial.bench.session.has_frame() {
                trial.call(&Call::Frame);
                trial.call(&Call::Flushed);
            }
            assert_eq!(trial.taken, trial.sent.len());
        }
    }

    #[test]
    fn messages_arrive_in_the_order_received_each_once(script in any_script()) {
        let mut trial = Trial::run(&script);
        trial.end();
        let heard = trial.events.iter().filter_map(|event| match event {
            Event::Message(message) => Some(message.as_str()),
            Event::Opened | Event::Closed(_) => None,
        });
        assert!(heard.eq(&trial.posted));
    }

    #[test]
    fn opened_is_the_first_event_and_closed_the_last(script in any_script()) {
        let mut trial = Trial::run(&script);
        trial.end();
        let last = trial.events.len() - 1;
        for (i, event) in trial.events.iter().enumerate() {
            assert!(*event != Event::Opened || i == 0);
            assert_eq!(matches!(event, Event::Closed(_)), i == last);
        }
        let ending = trial.bench.session.ending().cloned();
        assert_eq!(trial.events.pop(), ending.map(Event::Closed));
        // A payload is accepted only after the first receiver was attached.
        assert!(trial.posted.is_empty() || trial.events[0] == Event::Opened);
    }

    #[test]
    fn undelivered_counts_unflushed_messages(script in any_script()) {
        let mut trial = Trial::run(&script);
        trial.end();
        let written = trial.taken - trial.unwritten;
        assert_eq!(trial.bench.undelivered(), Some(trial.sent.len() - written));
    }

    #[test]
    fn the_first_reason_is_kept((config, calls) in any_script()) {
        let mut trial = Trial::new(config);
        let mut first = None;
        for call in &calls {
            let was_open = trial.is_open();
            trial.call(call);
            if was_open && !trial.is_open() {
                first = Some(match *call {
                    Call::Close(code) => (reason(code), Cause::ClosedByApp),
                    Call::Abort(code) => (reason(code), Cause::ShuttingDown),
                    Call::Lost => (CloseReason::INTERRUPTED, Cause::ReceiverLost),
                    _ => match trial.bench.cause() {
                        Some(cause) => (CloseReason::INTERRUPTED, cause),
                        None => (CloseReason::NO_HEARTBEAT, Cause::HeartbeatTimeout),
                    },
                });
            }
        }
        trial.end();
        if let Some((reason, cause)) = first {
            assert_eq!(trial.bench.reason(), Some(&reason));
            assert_eq!(trial.bench.cause(), Some(cause));
        }
    }

    #[test]
    fn a_second_receiver_changes_nothing((config, calls) in any_script()) {
        let mut trial = Trial::new(config);
        for call in &calls {
            trial.call(call);
            if trial.is_attached() {
                let before = trial.bench.snapshot();
                let Bench { session, now } = &mut trial.bench;
                assert_eq!(session.attach(*now), Err(AttachError::Busy));
                assert_eq!(trial.bench.snapshot(), before);
            }
        }
    }

    #[test]
    fn refused_messages_and_payloads_change_nothing((config, calls) in any_script()) {
        let mut trial = Trial::new(config);
        for call in &calls {
            if let Call::Payload(_) = call {
                // A refused payload still counts as bytes from the client.
                trial.call(&Call::Alive);
            }
            let before = trial.bench.snapshot();
            let (sent, posted) = (trial.sent.len(), trial.posted.len());
            trial.call(call);
            let refused = match call {
                Call::Send(_) => trial.sent.len() == sent,
                Call::Payload(_) => trial.posted.len() == posted,
                _ => false,
            };
            if refused {
                assert_eq!(trial.bench.snapshot(), before);
            }
        }
    }

    #[test]
    fn after_the_end_only_events_are_left((config, calls) in any_script()) {
        let mut trial = Trial::new(config);
        for call in &calls {
            let ended = trial.bench.state() == SessionState::Closed;
            let before = trial.bench.snapshot();
            trial.call(call);
            let is_for_app = matches!(call, Call::Event | Call::Batch | Call::BatchTaken | Call::Discard);
            if ended && !is_for_app {
                assert_eq!(trial.bench.snapshot(), before);
            }
        }
    }

    #[test]
    fn buffers_stay_within_their_limits((config, calls) in any_script()) {
        let mut trial = Trial::new(config.clone());
        for call in &calls {
            trial.call(call);
            let unsent = trial.bench.session.unsent();
            assert!(unsent <= config.send_buffer().max(trial.longest));
            let waiting = match trial.bench.state() {
                SessionState::Closed => &[],
                _ => &trial.sent[trial.taken..],
            };
            let overhead = waiting.len() * SessionConfig::MESSAGE_OVERHEAD;
            assert_eq!(unsent, waiting.iter().map(|text| text.len()).sum::<usize>() + overhead);

            let queued: usize = trial.held.iter().map(|&(_, size)| size).sum();
            let held = queued + trial.batch;
            assert!(held <= config.receive_buffer() + trial.largest);
            assert_eq!(trial.bench.session.has_messages(), queued > 0);
            assert_eq!(trial.bench.session.has_room(), held == 0 || held < config.receive_buffer());
        }
    }

    #[test]
    fn only_an_idle_receiver_without_heartbeats_has_no_deadline((config, calls) in any_script()) {
        let mut trial = Trial::new(config.clone());
        for call in &calls {
            trial.call(call);
            let content = trial.is_attached()
                && !trial.is_waiting()
                && config.heartbeat_delay().is_none();
            let over = trial.bench.state() == SessionState::Closed;
            assert_eq!(trial.bench.session.poll_timeout().is_none(), content || over);
        }
    }

    #[test]
    fn an_abandoned_session_ends(script in any_script(), detach: bool) {
        let mut trial = Trial::run(&script);
        if detach {
            trial.call(&Call::Detach);
        }
        let content = trial.bench.session.poll_timeout().is_none();
        trial.abandon();
        assert!(content || trial.bench.state() == SessionState::Closed);
    }

    #[test]
    fn a_clock_that_goes_back_and_extreme_limits_break_no_other_rule(
        config in extreme_config(),
        calls in any_calls(),
        times in prop::collection::vec(any_time(), 100),
    ) {
        let mut trial = Trial::new(config.clone());
        let start = trial.bench.now;
        // Some times are before the session was made.
        trial.bench.session = Session::new(start + secs(7), config);
        for (call, time) in calls.iter().zip(times) {
            trial.bench.now = start + time;
            trial.call(call);
        }
        trial.end();
        let written = trial.taken - trial.unwritten;
        assert_eq!(trial.bench.undelivered(), Some(trial.sent.len() - written));
    }
}

fn extreme_config() -> impl Strategy<Value = SessionConfig> {
    let delay = || prop::sample::select(vec![Duration::ZERO, secs(1), Duration::MAX]);
    let limit = || prop::sample::select(vec![0, usize::MAX]);
    (delay(), delay(), delay(), delay(), limit(), limit()).prop_map(
        |(heartbeat, disconnect_delay, pong, send_timeout, send_buffer, receive_buffer)| {
            SessionConfig::default()
                .with_heartbeat_delay(Some(heartbeat))
                .with_disconnect_delay(disconnect_delay)
                .with_pong_timeout(Some(pong))
                .with_send_timeout(send_timeout)
                .with_send_buffer(send_buffer)
                .with_receive_buffer(receive_buffer)
        },
    )
}
