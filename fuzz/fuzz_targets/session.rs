//! Calls of the methods of a session in any order, with the model of the session's own tests.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sockjs_core::{
    AttachError, Cause, CloseReason, Ending, Event, Frame, Message, Payload, ReceiveError,
    SendError, Session, SessionConfig, SessionState,
};

use self::trial::{Call, Timer, Trial, reason};

#[expect(
    dead_code,
    reason = "the strategies of the property tests are in the file too"
)]
#[path = "../../crates/sockjs-core/src/session/tests/trial.rs"]
mod trial;

// The first byte chooses the profile, the next seven the configuration, and each further pair of bytes
// is a call.
fuzz_target!(|data: &[u8]| {
    let Some((&[profile, ref config @ ..], calls)) = data.split_first_chunk::<8>() else {
        return;
    };
    let profile = if profile % 2 == 0 { LONG } else { RESTLESS };
    let calls = calls.chunks_exact(2).map(|it| profile.call(it[0], it[1]));
    run(configure(*config), calls);
});

/// How many of the 256 values of a byte mean which call.
struct Profile {
    attach: u8,
    /// Each: detach, complete, released.
    detach: u8,
    lost: u8,
    close: u8,
    abort: u8,
    discard: u8,
}

/// Calls that end a session are rare, so that most sequences are long.
const LONG: &Profile = &Profile {
    attach: 30,
    detach: 4,
    lost: 1,
    close: 1,
    abort: 1,
    discard: 1,
};

/// Receivers come and go, and a session that is closing still has work to do.
const RESTLESS: &Profile = &Profile {
    attach: 60,
    detach: 20,
    lost: 2,
    close: 24,
    abort: 1,
    discard: 4,
};

impl Profile {
    fn call(&self, mut kind: u8, number: u8) -> Call {
        let mut is = |share: u8| match kind.checked_sub(share) {
            Some(rest) => {
                kind = rest;
                false
            }
            None => true,
        };
        let length = usize::from(number);
        let code = 3000 + u16::from(number);
        if is(self.attach) {
            Call::Attach
        } else if is(self.detach) {
            Call::Detach
        } else if is(self.detach) {
            Call::Complete
        } else if is(self.detach) {
            Call::Released
        } else if is(self.lost) {
            Call::Lost
        } else if is(self.close) {
            Call::Close(code)
        } else if is(self.abort) {
            Call::Abort(code)
        } else if is(self.discard) {
            Call::Discard
        } else {
            match kind % 16 {
                0 => Call::Wait(secs((number % 15).into())),
                1 | 2 => Call::Payload(vec![length % 40; length / 40 % 4]),
                3 => Call::Alive,
                4 => Call::Progress,
                5 => Call::Blocked,
                6..8 => Call::Flushed,
                8 => Call::Timeout(Timer::OnTime),
                9 => Call::Timeout(Timer::AtOnce),
                10 | 11 => Call::Send(length),
                12..14 => Call::Frame,
                14 => Call::Event,
                _ if number % 2 == 0 => Call::Batch,
                _ => Call::BatchTaken,
            }
        }
    }
}

/// Delays of similar length, so that any of them may pass first, and small buffers. 255 is the extreme.
fn configure([heartbeat, disconnect, pong, send, outbox, inbox, frame]: [u8; 7]) -> SessionConfig {
    let delay = |byte: u8| match byte {
        255 => Duration::MAX,
        _ => secs((byte % 40).into()),
    };
    let limit = |byte: u8| match byte {
        255 => usize::MAX,
        _ => usize::from(byte) * 3,
    };
    SessionConfig::default()
        .with_heartbeat_delay(delay(heartbeat))
        .with_disconnect_delay(delay(disconnect))
        .with_pong_timeout((pong > 80).then(|| delay(pong)))
        .with_send_timeout(delay(send))
        .with_send_buffer(limit(outbox))
        .with_receive_buffer(limit(inbox))
        .with_frame_limit(limit(frame))
}

fn run(config: SessionConfig, calls: impl Iterator<Item = Call>) {
    let mut trial = Trial::new(config.clone());
    // The first reason to close.
    let mut first = None;
    for call in calls {
        let was_open = trial.is_open();
        let was_closed = trial.bench.state() == SessionState::Closed;
        let frames = trial.frames.len();
        trial.call(&call);
        if was_open && !trial.is_open() {
            first = Some(match call {
                Call::Close(code) | Call::Abort(code) => reason(code),
                _ if trial.bench.cause().is_none() => CloseReason::NO_HEARTBEAT,
                _ => CloseReason::INTERRUPTED,
            });
        }
        if was_closed {
            assert_eq!(trial.bench.state(), SessionState::Closed);
            assert_eq!(trial.frames.len(), frames);
        }
        check_buffers(&trial, &config);
        check_attached(&mut trial);
        check_deadline(&trial);
    }
    check_frames(&trial);
    trial.end();
    check_ending(&trial, first);
    check_events(&trial);
}

fn check_buffers(trial: &Trial, config: &SessionConfig) {
    let session = &trial.bench.session;
    let unsent = session.unsent();
    assert!(unsent <= config.send_buffer().max(trial.longest));
    let waiting = match session.state() {
        SessionState::Closed => &[],
        _ => &trial.sent[trial.taken..],
    };
    let size = |text: &Message| text.len() + SessionConfig::MESSAGE_OVERHEAD;
    assert_eq!(unsent, waiting.iter().map(size).sum::<usize>());

    let queued: usize = trial.held.iter().map(|&(_, size)| size).sum();
    let held = queued + trial.batch;
    assert!(held <= config.receive_buffer().saturating_add(trial.largest));
    assert_eq!(session.has_messages(), queued > 0);
    assert_eq!(
        session.has_room(),
        held == 0 || held < config.receive_buffer()
    );
}

fn check_attached(trial: &mut Trial) {
    if trial.is_attached() {
        let before = trial.bench.session.poll_timeout();
        let Bench { session, now } = &mut trial.bench;
        assert_eq!(session.attach(*now), Err(AttachError::Busy));
        assert_eq!(session.poll_timeout(), before);
    }
}

/// A session without a receiver, or with one that takes nothing, ends some time.
fn check_deadline(trial: &Trial) {
    let session = &trial.bench.session;
    let is_idle = trial.is_attached() && !trial.is_waiting();
    let is_content = is_idle && session.config().heartbeat_delay().is_none();
    let is_over = session.state() == SessionState::Closed;
    assert_eq!(session.poll_timeout().is_none(), is_content || is_over);
}

fn check_frames(trial: &Trial) {
    let mut sent = trial.sent.iter();
    for (i, frame) in trial.frames.iter().enumerate() {
        assert_eq!(*frame == Frame::Open, i == 0);
        match frame {
            Frame::Messages(messages) => {
                assert!(!messages.is_empty());
                assert!(messages.iter().all(|message| sent.next() == Some(message)));
            }
            Frame::Close(_) => {
                assert_eq!(i, trial.frames.len() - 1);
                assert_eq!(
                    trial.bench.session.ending().map(Ending::undelivered),
                    Some(0)
                );
            }
            _ => {}
        }
    }
}

fn check_ending(trial: &Trial, first: Option<CloseReason>) {
    let ending = trial.bench.session.ending().unwrap();
    let written = trial.taken - trial.unwritten;
    assert_eq!(ending.undelivered(), trial.sent.len() - written);
    if let Some(first) = first {
        assert_eq!(*ending.reason(), first);
    }
    if let Some(Frame::Close(reason)) = trial.frames.last() {
        assert_eq!(reason, ending.reason());
    }
}

fn check_events(trial: &Trial) {
    let (last, events) = trial.events.split_last().unwrap();
    assert_eq!(
        *last,
        Event::Closed(trial.bench.session.ending().cloned().unwrap())
    );
    let mut posted = trial.posted.iter();
    for (i, event) in events.iter().enumerate() {
        match event {
            Event::Opened => assert_eq!(i, 0),
            Event::Message(message) => {
                assert_eq!(events[0], Event::Opened);
                assert_eq!(Some(message.as_str()), posted.next().map(String::as_str));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(posted.next(), None);
}

/// A session and the time, as the model needs them.
#[derive(Debug)]
struct Bench {
    session: Session,
    now: Instant,
}

impl Bench {
    fn with(config: SessionConfig) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(now, config),
            now,
        }
    }

    fn take(&mut self) -> Option<Frame> {
        self.session.poll_frame(self.now)
    }

    fn state(&self) -> SessionState {
        self.session.state()
    }

    fn cause(&self) -> Option<Cause> {
        self.session.ending().map(Ending::cause)
    }
}

fn payload(text: &str) -> Payload {
    Payload::parse(text, usize::MAX).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
