//! The session under many orders in which threads may run. Only `.ci/interleavings` runs these.
//!
//! A wake-up that is lost leaves a thread waiting for ever, which shuttle reports as a deadlock.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use shuttle::future::block_on;
use shuttle::thread;
use sockjs_core::{Cause, CloseReason, Frame, Payload, SessionConfig, SessionState, Transport};

use super::shared::{Connection, Shared};
use super::wakers::Parking;
use super::{Attachment, Opening, Prefix, SendQueue, Session, TopicsOfMount};
use crate::meter::Meter;
use crate::topics::Topics;

const SCHEDULES: usize = 2000;

fn check(test: fn()) {
    shuttle::check_random(test, SCHEDULES);
}

/// A session, its attached receiver, and what the application holds of it.
fn open() -> (Arc<Shared>, Attachment, Session) {
    // Room for one message in each direction.
    let config = SessionConfig::default()
        .with_send_buffer(1)
        .with_receive_buffer(1);
    let (parts, ()) = Request::new(()).into_parts();
    let opening = Opening::new(&parts, Prefix::Mount("/echo".into()), None, None);
    let meter = Meter::new("/echo".into(), CONNECTION.transport);
    let topics = Arc::new(TopicsOfMount {
        topics: Arc::new(Topics::new()),
        max_topics: 1,
    });
    let (shared, attachment) = Attachment::open(opening, CONNECTION, meter, config.into(), topics);
    let session = Session::new(shared.clone());
    (shared, attachment, session)
}

const CONNECTION: Connection = Connection {
    transport: Transport::Xhr,
    remote_addr: None,
};

fn payload(text: &str) -> Payload {
    Payload::raw(text, usize::MAX).expect("it is short")
}

/// Takes frames until so many messages were in them.
fn take(attachment: &Attachment, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        match block_on(poll_fn(|cx| attachment.poll_next_frame(cx))) {
            Some((Frame::Messages(messages), _)) => {
                texts.extend(messages.into_iter().map(|it| it.into_string()));
            }
            Some(_) => {}
            None => panic!("the session is over"),
        }
    }
    texts
}

/// Delivers a payload as a send request does. Returns whether the session took it.
fn send(queue: &SendQueue, text: &str) -> bool {
    let request = queue.enter(2, usize::MAX).expect("there are two at most");
    let turn = block_on(request.turn()).expect("the session is open");
    block_on(queue.room(&turn));
    queue.post(payload(text)).is_ok()
}

/// Polls a future once.
fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    let waker = std::task::Waker::noop();
    future.poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn the_receiver_gets_every_message() {
    check(|| {
        let (_, attachment, session) = open();
        let sender = thread::spawn(move || {
            for text in ["1", "2", "3"] {
                block_on(session.send(text)).expect("the session is open");
            }
            session
        });
        assert_eq!(take(&attachment, 3), ["1", "2", "3"]);
        sender.join().expect("it does not panic");
    });
}

#[test]
fn every_sender_that_waits_gets_its_turn() {
    check(|| {
        let (_, attachment, session) = open();
        let (sender, _receiver) = session.split();
        let senders: Vec<_> = (0..3)
            .map(|n| {
                let sender = sender.clone();
                thread::spawn(move || block_on(sender.send(n.to_string())).is_ok())
            })
            .collect();
        let mut texts = take(&attachment, 3);
        texts.sort_unstable();
        assert_eq!(texts, ["0", "1", "2"]);
        for sender in senders {
            assert!(sender.join().expect("it does not panic"));
        }
    });
}

#[test]
fn a_sender_that_gives_up_keeps_nobody_waiting() {
    check(|| {
        let (shared, attachment, session) = open();
        session.try_send("first").expect("there is room");
        let (sender, _receiver) = session.split();
        let given_up = {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut send = pin!(sender.send("given up"));
                poll_once(send.as_mut())
            })
        };
        let waiting = {
            let sender = sender.clone();
            thread::spawn(move || block_on(sender.send("waiting")).is_ok())
        };
        let sent = usize::from(take(&attachment, 2).contains(&"given up".to_owned()));
        let was_sent = given_up.join().expect("it does not panic");
        assert!(was_sent || sent == 0);
        if sent == 1 {
            assert_eq!(take(&attachment, 1), ["waiting"]);
        }
        assert!(waiting.join().expect("it does not panic"));
        assert_eq!(shared.state(), SessionState::Open);
    });
}

/// The task of a session, whose handler receives: it holds, polls, and parks.
fn run_task(shared: &Shared, count: usize) -> usize {
    let mut received = 0;
    let mut batch = None;
    block_on(poll_fn(|cx| {
        shared.hold(cx);
        loop {
            while let Poll::Ready(message) = shared.poll_recv(cx, &mut batch) {
                match message {
                    Some(_) => received += 1,
                    None => break,
                }
            }
            match shared.park() {
                Parking::Until(_) if received == count => return Poll::Ready(()),
                Parking::Until(_) => return Poll::Pending,
                Parking::Missed => {}
                Parking::Closed => return Poll::Ready(()),
            }
        }
    }));
    received
}

#[test]
fn the_task_hears_of_every_message_and_of_the_end() {
    check(|| {
        let (shared, _attachment, _session) = open();
        let client = {
            let shared = shared.clone();
            thread::spawn(move || {
                let queue = SendQueue::new(shared);
                for text in ["1", "2"] {
                    assert!(send(&queue, text));
                }
            })
        };
        assert_eq!(run_task(&shared, 2), 2);
        client.join().expect("it does not panic");

        let closer = {
            let shared = shared.clone();
            thread::spawn(move || shared.abort(CloseReason::NORMAL, Cause::ClosedByApp))
        };
        run_task(&shared, usize::MAX);
        closer.join().expect("it does not panic");
    });
}

/// The receive buffer has room for one payload, so that the second one waits until the last message of
/// the first is taken.
#[test]
fn a_payload_waits_until_the_messages_before_it_are_taken() {
    check(|| {
        let (shared, _attachment, mut session) = open();
        let client = thread::spawn(move || {
            let queue = SendQueue::new(shared);
            let request = queue.enter(1, usize::MAX).expect("there is one");
            let turn = block_on(request.turn()).expect("the session is open");
            for text in [r#"["1","2","3"]"#, r#"["4","5"]"#] {
                block_on(queue.room(&turn));
                let payload = Payload::parse(text, usize::MAX).expect("it is valid");
                queue.post(payload).expect("there is room");
            }
        });
        let mut texts = Vec::new();
        while texts.len() < 5 {
            block_on(session.recv_many(&mut texts, 2));
        }
        assert_eq!(texts, ["1", "2", "3", "4", "5"]);
        client.join().expect("it does not panic");
    });
}

#[test]
fn send_many_waits_for_room_and_sends_each_message_once() {
    check(|| {
        let (_, attachment, session) = open();
        let sender = thread::spawn(move || {
            let mut messages = ["1", "2", "3"].map(Into::into).into();
            block_on(session.send_many(&mut messages)).expect("the session is open");
            assert!(messages.is_empty());
            session
        });
        assert_eq!(take(&attachment, 3), ["1", "2", "3"]);
        sender.join().expect("it does not panic");
    });
}

#[test]
fn send_requests_take_turns() {
    check(|| {
        let (shared, _attachment, mut session) = open();
        let clients: Vec<_> = ["1", "2"]
            .map(|text| {
                let queue = SendQueue::new(shared.clone());
                thread::spawn(move || send(&queue, text))
            })
            .into();
        let mut texts = [(); 2].map(|()| block_on(session.recv()).map(|it| it.into_string()));
        texts.sort_unstable();
        assert_eq!(texts, ["1", "2"].map(|it| Some(it.to_owned())));
        for client in clients {
            assert!(client.join().expect("it does not panic"));
        }
    });
}

#[test]
fn one_receiver_at_a_time_is_attached() {
    check(|| {
        let (shared, attachment, _session) = open();
        let mut writer = attachment.into_writer();
        writer.complete();
        drop(writer);
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || Attachment::attach(shared, CONNECTION).ok())
            })
            .collect();
        let attached = receivers
            .into_iter()
            .filter_map(|it| it.join().expect("it does not panic"))
            .collect::<Vec<_>>();
        assert_eq!(attached.len(), 1);
        assert_eq!(shared.state(), SessionState::Open);
        drop(attached);
        assert_eq!(shared.state(), SessionState::Closed);
    });
}

#[test]
fn who_lets_go_last_closes_the_session_and_whoever_waits_is_told() {
    check(|| {
        let (shared, attachment, session) = open();
        let (sender, receiver) = session.split();
        let reference = sender.session_ref().clone();
        let others = [
            thread::spawn(move || drop(sender)),
            thread::spawn(move || drop(receiver)),
            // As the session's task does, which closes the session if it was let go meanwhile.
            thread::spawn(move || {
                shared.handler_returned();
                while matches!(shared.park(), Parking::Missed) {}
            }),
        ];
        let client = thread::spawn(move || {
            // `None` follows the close frame.
            while block_on(poll_fn(|cx| attachment.poll_next_frame(cx))).is_some() {}
        });
        let ending = block_on(reference.closed());
        assert_eq!(ending.cause(), Cause::ClosedByApp);
        for thread in others.into_iter().chain([client]) {
            thread.join().expect("it does not panic");
        }
    });
}

/// A receiver that looks, and only then says that it waits, in two steps. What happens between
/// them wakes nobody.
#[test]
#[should_panic(expected = "deadlock")]
fn a_lost_wake_up_is_found() {
    check(|| {
        let (shared, attachment, session) = open();
        block_on(poll_fn(|cx| attachment.poll_next_frame(cx)));
        let sender = thread::spawn(move || {
            session.try_send("x").expect("there is room");
            session
        });
        let mut has_looked = false;
        block_on(poll_fn(|cx| {
            if has_looked || shared.has_frame() {
                return Poll::Ready(());
            }
            has_looked = true;
            shared.wait_for_frame(cx);
            Poll::Pending
        }));
        sender.join().expect("it does not panic");
    });
}
