//! Delivery of messages in both directions, and the end of a session.

use super::*;

fn small() -> SessionConfig {
    SessionConfig::default()
        // Two messages of one byte.
        .with_send_buffer(2 * (SessionConfig::MESSAGE_OVERHEAD + 1))
        // Two payloads of one message of one byte.
        .with_receive_buffer(2 * (SessionConfig::PAYLOAD_OVERHEAD + 1))
}

fn events(bench: &mut Bench) -> Vec<Event> {
    let events = std::iter::from_fn(|| bench.session.poll_event());
    events.take(LOTS).collect()
}

fn frames(bench: &mut Bench) -> Vec<Frame> {
    std::iter::from_fn(|| bench.write()).take(LOTS).collect()
}

/// A number that no test reaches, so that an endless loop fails.
const LOTS: usize = 100_000;

#[test]
fn first_receiver_opens_the_session() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(), None);
    assert_eq!(events(&mut bench), []);
    bench.attach();
    assert_eq!(events(&mut bench), [Event::Opened]);
    assert_eq!(frames(&mut bench), [Frame::Open]);

    bench.detach();
    bench.attach();
    assert_eq!(events(&mut bench), []);
    assert_eq!(frames(&mut bench), []);
}

#[test]
fn open_frame_goes_to_the_next_receiver_if_the_first_took_none() {
    let mut bench = Bench::new();
    bench.attach();
    bench.detach();
    bench.attach();
    assert_eq!(frames(&mut bench), [Frame::Open]);
    assert_eq!(events(&mut bench), [Event::Opened]);
}

#[test]
fn second_receiver_is_refused() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    let before = bench.snapshot();
    bench.now += secs(1);
    assert_eq!(bench.session.attach(bench.now), Err(AttachError::Busy));
    assert_eq!(bench.snapshot(), before);
    assert_eq!(bench.take(), messages(["x"]));
}

#[test]
fn queued_messages_share_one_frame() {
    let mut bench = Bench::open();
    for text in ["a", "", "c"] {
        bench.send(text).unwrap();
    }
    assert_eq!(bench.take(), messages(["a", "", "c"]));
    assert_eq!(bench.take(), None);
}

#[test]
fn messages_beyond_the_frame_limit_go_into_the_next_frame() {
    // With the escape, `a["a","b\n"]` has twelve bytes.
    for (limit, expected) in [
        (
            12,
            vec![
                vec!["a", "b\n"],
                vec!["c", "d"],
                vec!["long message"],
                vec!["e"],
            ],
        ),
        (
            11,
            vec![
                vec!["a"],
                vec!["b\n"],
                vec!["c", "d"],
                vec!["long message"],
                vec!["e"],
            ],
        ),
        (
            0,
            ["a", "b\n", "c", "d", "long message", "e"]
                .map(|it| vec![it])
                .into(),
        ),
    ] {
        let config = SessionConfig::default().with_frame_limit(limit);
        let mut bench = Bench::open_with(config);
        for text in ["a", "b\n", "c", "d", "long message", "e"] {
            bench.send(text).unwrap();
        }
        let expected = expected
            .into_iter()
            .map(|texts| Frame::Messages(texts.into_iter().map(Message::from).collect()));
        assert_eq!(frames(&mut bench), expected.collect::<Vec<_>>(), "{limit}");
        assert_eq!(bench.session.unsent(), 0);
    }
}

#[test]
fn text_that_grows_most_is_within_the_frame_limit() {
    for count in [2, 10] {
        // Eight bytes for each message, and what is around them.
        let all = 9 * count + 2;
        for (limit, expected) in [(all, count), (all - 1, count - 1)] {
            let config = SessionConfig::default().with_frame_limit(limit);
            let mut bench = Bench::open_with(config);
            for _ in 0..count {
                bench.send("\u{1}").unwrap();
            }
            assert_eq!(
                bench.take(),
                Some(Frame::Messages(vec!["\u{1}".into(); expected])),
                "{count} messages"
            );
        }
    }
}

#[test]
fn a_frame_that_is_taken_frees_what_its_messages_count() {
    let config = SessionConfig::default().with_frame_limit(0);
    let mut bench = Bench::open_with(config);
    let size = SessionConfig::MESSAGE_OVERHEAD + 1;
    for text in ["a", "b", "c"] {
        bench.send(text).unwrap();
    }
    for left in [2, 1] {
        bench.take();
        assert_eq!(bench.session.unsent(), left * size);
        assert!(bench.session.has_frame());
    }
    bench.session.handle_lost();
    // Two in flight and one queued.
    assert_eq!(bench.undelivered(), Some(3));
}

#[test]
fn a_close_waits_for_all_frames_of_messages() {
    let mut bench = Bench::open_with(SessionConfig::default().with_frame_limit(0));
    bench.send("a").unwrap();
    bench.send("b").unwrap();
    bench.close();
    assert_eq!(
        [bench.take(), bench.take()],
        [messages(["a"]), messages(["b"])]
    );
    assert_eq!(bench.take(), None);
    bench.flush();
    assert_eq!(bench.take(), Some(Frame::Close(GO_AWAY)));
}

#[test]
fn taking_frames_from_a_long_queue_takes_linear_time() {
    // With a quadratic number of moves this test would not end.
    const COUNT: usize = 1_000_000;
    let config = SessionConfig::default()
        .with_send_buffer(usize::MAX)
        .with_frame_limit(0);
    let mut bench = Bench::open_with(config);
    for _ in 0..COUNT {
        bench.send("").unwrap();
    }
    let taken = std::iter::from_fn(|| bench.write()).count();
    assert_eq!(taken, COUNT);
}

#[test]
fn an_idle_session_keeps_no_memory_for_its_queues() {
    let mut bench = Bench::open();
    for _ in 0..1000 {
        bench.send("x").unwrap();
        bench.post(r#"["x"]"#).unwrap();
    }
    while bench.write().is_some() {}
    while bench.session.poll_event().is_some() {}
    assert!(bench.session.outbox.capacity() == 0);
    assert!(bench.session.inbox.capacity() <= 8);
}

#[test]
fn an_idle_session_keeps_no_memory_for_payloads_that_were_taken_whole() {
    let mut bench = Bench::open();
    for _ in 0..1000 {
        bench.post(r#"["x","y"]"#).unwrap();
    }
    while let Some(batch) = bench.session.poll_batch() {
        drop(batch);
        bench.session.handle_batch_taken();
    }
    assert!(!bench.session.has_messages());
    assert!(bench.session.inbox.capacity() <= 8);
}

#[test]
fn several_frames_may_be_in_flight() {
    let mut bench = Bench::new();
    bench.attach();
    assert_eq!(bench.take(), Some(Frame::Open));
    for text in ["a", "b"] {
        bench.send(text).unwrap();
        assert_eq!(bench.take(), messages([text]));
    }
    assert_eq!(bench.take(), None);
}

#[test]
fn messages_wait_for_the_first_receiver() {
    let mut bench = Bench::new();
    bench.send("x").unwrap();
    bench.attach();
    assert_eq!(
        [bench.take(), bench.take()],
        [Some(Frame::Open), messages(["x"])]
    );
}

#[test]
fn messages_wait_for_the_next_receiver() {
    let mut bench = Bench::open();
    bench.send("a").unwrap();
    bench.detach();
    bench.send("b").unwrap();
    assert!(!bench.session.has_frame());
    assert_eq!(bench.take(), None);
    bench.attach();
    assert!(bench.session.has_frame());
    assert_eq!(bench.take(), messages(["a", "b"]));
}

#[test]
fn full_send_buffer_returns_the_message() {
    let mut bench = Bench::open_with(small());
    bench.send("a").unwrap();
    bench.send("b").unwrap();
    assert_eq!(bench.session.unsent(), bench.session.config().send_buffer());
    let before = bench.snapshot();
    let error = bench.send("").unwrap_err();
    assert_eq!(error, SendError::Full("".into()));
    assert_eq!(error.into_message(), "");
    assert_eq!(bench.snapshot(), before);

    assert_eq!(bench.write(), messages(["a", "b"]));
    assert_eq!(bench.session.unsent(), 0);
    bench.send("c").unwrap();
    assert_eq!(bench.write(), messages(["c"]));
}

#[test]
fn a_long_message_fits_an_empty_send_buffer() {
    let long = "x".repeat(1000);
    for send_buffer in [0, 999] {
        let mut bench = Bench::open_with(SessionConfig::default().with_send_buffer(send_buffer));
        bench.send(&long).unwrap();
        assert!(matches!(bench.send(""), Err(SendError::Full(_))));
        assert_eq!(bench.write(), messages([&long]));
        bench.send("a").unwrap();
        assert!(matches!(bench.send(&long), Err(SendError::Full(_))));
    }
}

#[test]
fn empty_messages_count_against_the_send_buffer() {
    let mut bench = Bench::open();
    let accepted = (0..LOTS).take_while(|_| bench.send("").is_ok()).count();
    assert_eq!(accepted, 1024 * 1024 / SessionConfig::MESSAGE_OVERHEAD);
}

#[test]
fn payloads_are_handed_out_message_by_message() {
    let mut bench = Bench::open();
    bench.post(r#"["a","b"]"#).unwrap();
    bench.post("[]").unwrap();
    bench.post(r#"["c"]"#).unwrap();
    assert!(bench.session.has_messages());
    let expected = ["a", "b", "c"].map(|text| Event::Message(text.into()));
    assert_eq!(events(&mut bench), expected);
    assert!(!bench.session.has_messages());
}

#[test]
fn full_receive_buffer_returns_the_payload() {
    let mut bench = Bench::open_with(small());
    bench.post(r#"["a"]"#).unwrap();
    bench.post(r#"["b"]"#).unwrap();
    assert!(!bench.session.has_room());
    let before = bench.snapshot();
    let Err(ReceiveError::Full(refused)) = bench.post(r#"["c","d"]"#) else {
        panic!("it was taken");
    };
    assert_eq!(bench.snapshot(), before);

    assert_eq!(bench.session.poll_event(), Some(Event::Message("a".into())));
    assert!(bench.session.has_room());
    bench.session.handle_payload(refused).unwrap();
    let expected = ["b", "c", "d"].map(|text| Event::Message(text.into()));
    assert_eq!(events(&mut bench), expected);
}

#[test]
fn a_payload_takes_room_until_its_last_message_is_out() {
    let mut bench = Bench::open_with(SessionConfig::default().with_receive_buffer(1));
    bench.post(r#"["a","b","c"]"#).unwrap();
    for _ in 0..3 {
        assert!(!bench.session.has_room());
        bench.session.poll_event();
    }
    assert!(bench.session.has_room());
}

#[test]
fn any_payload_fits_an_empty_receive_buffer() {
    let mut bench = Bench::open_with(SessionConfig::default().with_receive_buffer(0));
    for _ in 0..2 {
        bench.post(r#"["a"]"#).unwrap();
        assert!(matches!(bench.post("[]"), Err(ReceiveError::Full(_))));
        bench.session.poll_event();
    }
}

#[test]
fn discarded_messages_take_no_room_and_are_answered() {
    let mut bench = Bench::open_with(small());
    bench.post(r#"["a","b"]"#).unwrap();
    bench.post(r#"["c"]"#).unwrap();
    assert_eq!(bench.session.poll_event(), Some(Event::Message("a".into())));
    assert!(!bench.session.has_room());

    bench.session.discard_messages();

    assert!(bench.session.has_room());
    for _ in 0..LOTS {
        bench.post(r#"["x"]"#).unwrap();
        assert!(bench.session.has_room());
    }
    assert!(!bench.session.has_messages());
    assert_eq!(events(&mut bench), []);
    bench.close();
    assert!(bench.write().is_some());
    let ending = bench.session.ending().cloned();
    assert_eq!(bench.session.poll_event(), ending.map(Event::Closed));
}

#[test]
fn empty_payloads_take_no_room_but_empty_messages_do() {
    let mut bench = Bench::open_with(small());
    for _ in 0..1000 {
        bench.post("[ ]").unwrap();
    }
    assert_eq!(events(&mut bench), []);

    let accepted = (0..LOTS).take_while(|_| {
        let empty = Payload::raw("", 0).unwrap();
        bench.session.handle_payload(empty).is_ok()
    });
    assert_eq!(accepted.count(), 3);
}

#[test]
fn close_waits_for_messages_sent_before() {
    let mut bench = Bench::open();
    bench.send("a").unwrap();
    bench.send("b").unwrap();
    bench.close();
    assert_eq!(bench.state(), SessionState::Closing);
    assert_eq!(bench.take(), messages(["a", "b"]));
    assert_eq!(events(&mut bench), []);

    // The messages are in flight.
    assert!(!bench.session.has_frame());
    assert_eq!(bench.take(), None);
    bench.flush();
    assert!(bench.session.has_frame());
    assert_eq!(bench.take(), Some(Frame::Close(GO_AWAY)));
    assert_eq!(bench.state(), SessionState::Closed);
    assert_eq!(bench.undelivered(), Some(0));
    assert!(!bench.session.has_frame());
    assert_eq!(bench.take(), None);
}

#[test]
fn close_waits_for_the_next_receiver() {
    let mut bench = Bench::open();
    bench.detach();
    bench.send("x").unwrap();
    bench.close();
    bench.advance(secs(4));
    bench.attach();
    assert_eq!(bench.write(), messages(["x"]));
    bench.detach();
    bench.advance(secs(4));
    bench.attach();
    assert_eq!(bench.write(), Some(Frame::Close(GO_AWAY)));
}

#[test]
fn a_session_closed_while_connecting_still_sends_all_frames() {
    let mut bench = Bench::new();
    bench.send("x").unwrap();
    bench.close();
    bench.attach();
    let expected = [
        Some(Frame::Open),
        messages(["x"]),
        Some(Frame::Close(GO_AWAY)),
    ];
    assert_eq!(frames(&mut bench), expected.map(Option::unwrap));
    // The application gets no `Opened`, because the session was never open.
    assert_eq!(
        events(&mut bench),
        [Event::Closed(bench.session.ending().unwrap().clone())]
    );
}

#[test]
fn first_close_reason_is_kept() {
    let mut bench = Bench::open();
    bench.close();
    bench
        .session
        .close(bench.now, TOO_LATE, Cause::ShuttingDown);
    assert_eq!(bench.take(), Some(Frame::Close(GO_AWAY)));
    bench
        .session
        .close(bench.now, TOO_LATE, Cause::ShuttingDown);
    bench.session.abort(TOO_LATE, Cause::ShuttingDown);
    assert_eq!(
        (bench.reason(), bench.cause()),
        (Some(&GO_AWAY), Some(Cause::ClosedByApp))
    );
}

#[test]
fn a_closed_session_repeats_its_reason() {
    let mut bench = Bench::open();
    bench.close();
    bench.write();
    for _ in 0..3 {
        let closed = AttachError::Closed(GO_AWAY);
        assert_eq!(bench.session.attach(bench.now), Err(closed));
        bench.advance(secs(60));
    }
}

#[test]
fn a_lost_receiver_ends_the_session() {
    let mut bench = Bench::open();
    bench.send("x").unwrap();
    bench.session.handle_lost();
    assert_eq!(bench.take(), None);
    assert_eq!(bench.cause(), Some(Cause::ReceiverLost));
    let closed = AttachError::Closed(CloseReason::INTERRUPTED);
    assert_eq!(bench.session.attach(bench.now), Err(closed));
}

#[test]
fn an_aborted_session_sends_nothing_more() {
    let mut bench = Bench::open();
    bench.send("a").unwrap();
    bench.take();
    bench.send("b").unwrap();
    bench.send("c").unwrap();
    bench.session.abort(TOO_LATE, Cause::LimitExceeded);
    assert_eq!(bench.take(), None);
    assert_eq!(bench.timeout(), None);
    assert_eq!(bench.undelivered(), Some(3));
    assert_eq!(bench.session.unsent(), 0);
    assert!(bench.session.outbox.is_empty());
}

#[test]
fn unflushed_messages_count_as_undelivered() {
    let mut bench = Bench::open();
    bench.send("a").unwrap();
    bench.write();
    bench.send("b").unwrap();
    bench.send("c").unwrap();
    assert_eq!(bench.take(), messages(["b", "c"]));
    bench.send("d").unwrap();
    assert_eq!(bench.take(), messages(["d"]));
    bench.session.handle_progress(bench.now);
    bench.send("e").unwrap();
    bench.session.handle_lost();
    assert_eq!(bench.undelivered(), Some(4));
}

#[test]
fn detaching_counts_messages_as_delivered() {
    let mut bench = Bench::open();
    bench.send("a").unwrap();
    bench.take();
    bench.detach();
    bench.send("b").unwrap();
    bench.advance(secs(5));
    assert_eq!(bench.undelivered(), Some(1));
}

#[test]
fn messages_received_before_the_end_are_still_handed_out() {
    let mut bench = Bench::new();
    bench.attach();
    bench.post(r#"["a","b"]"#).unwrap();
    bench.post(r#"["c"]"#).unwrap();
    bench.session.handle_lost();
    let ending = bench.session.ending().unwrap().clone();
    let message = |text: &str| Event::Message(text.into());
    let expected = [
        Event::Opened,
        message("a"),
        message("b"),
        message("c"),
        Event::Closed(ending),
    ];
    assert_eq!(events(&mut bench), expected);
    assert_eq!(events(&mut bench), []);
}

#[test]
fn a_batch_has_the_messages_of_one_payload_or_all_that_are_few() {
    let size = |text: &str| payload(text).size() + SessionConfig::PAYLOAD_OVERHEAD;
    let (one, two) = (r#"["1"]"#, r#"["2","3"]"#);
    for (receive_buffer, expected) in [
        (4 * (size(one) + size(two)), &["1", "2", "3"][..]),
        (4 * (size(one) + size(two)) - 1, &[]),
    ] {
        let config = SessionConfig::default().with_receive_buffer(receive_buffer);
        let mut bench = Bench::open_with(config);
        assert!(bench.session.poll_batch().is_none());
        for text in [one, two] {
            bench.session.handle_payload(payload(text)).unwrap();
        }
        let batch: Vec<_> = bench.session.poll_batch().into_iter().flatten().collect();
        assert_eq!(batch, expected);
        if batch.is_empty() {
            assert_eq!(bench.session.poll_event(), Some(Event::Message("1".into())));
            let batch = bench.session.poll_batch().unwrap();
            assert!(batch.eq(["2", "3"]));
        }
        assert_eq!(bench.session.poll_event(), None);
    }
}

#[test]
fn a_batch_keeps_its_room_until_it_is_taken() {
    let config = SessionConfig::default().with_receive_buffer(1);
    let mut bench = Bench::open_with(config);
    bench
        .session
        .handle_payload(payload(r#"["1","2"]"#))
        .unwrap();
    let batch = bench.session.poll_batch().unwrap();
    assert_eq!(batch.len(), 2);
    assert!(!bench.session.has_messages() && !bench.session.has_room());
    assert!(bench.session.handle_payload(payload(r#"["3"]"#)).is_err());
    bench.session.handle_batch_taken();
    assert!(bench.session.has_room());
    bench.session.handle_batch_taken();
    bench
        .session
        .handle_payload(payload(r#"["3","4"]"#))
        .unwrap();

    bench.session.poll_batch().unwrap();
    bench.session.discard_messages();
    bench.session.handle_batch_taken();
    assert!(bench.session.has_room());
}
