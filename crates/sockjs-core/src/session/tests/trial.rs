//! Method calls in any order, even if it violates the contract, and a model of their effects.
//!
//! `fuzz/fuzz_targets/session.rs` includes this file, so it uses the public API alone.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A call of one method. Numbers are lengths of messages, or close codes.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Wait(Duration),
    Attach,
    Detach,
    Complete,
    Released,
    Lost,
    Payload(Vec<usize>),
    Alive,
    Progress,
    Blocked,
    Flushed,
    Timeout(Timer),
    Send(usize),
    Discard,
    Close(u16),
    Abort(u16),
    Frame,
    Event,
    Batch,
    BatchTaken,
}

/// When a timer fires.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timer {
    OnTime,
    AtOnce,
}

/// A session, and what its callers know about it.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) bench: Bench,
    /// Whether the last receiver that attached has not detached.
    attached: bool,
    /// Whether the last receiver that attached is complete but not released.
    complete: bool,
    /// Messages that were accepted, and how long the longest was.
    pub(super) sent: Vec<Message>,
    pub(super) longest: usize,
    pub(super) frames: Vec<Frame>,
    /// The number of messages in all frames, and in the frames since the last flush.
    pub(super) taken: usize,
    pub(super) unwritten: usize,
    /// Whether any frame was taken since the last flush.
    unflushed: bool,
    /// Messages that were accepted from the client.
    pub(super) posted: Vec<String>,
    /// Payloads that the application has not taken in full: how many messages are left, and the
    /// size of the payload.
    pub(super) held: VecDeque<(usize, usize)>,
    /// The size of the payloads in the batch that was taken.
    pub(super) batch: usize,
    pub(super) largest: usize,
    /// Whether the application takes no more messages.
    discards: bool,
    pub(super) events: Vec<Event>,
}

impl Trial {
    pub(super) fn new(config: SessionConfig) -> Self {
        Self {
            bench: Bench::with(config),
            attached: false,
            complete: false,
            sent: Vec::new(),
            longest: 0,
            frames: Vec::new(),
            taken: 0,
            unwritten: 0,
            unflushed: false,
            posted: Vec::new(),
            held: VecDeque::new(),
            batch: 0,
            largest: 0,
            discards: false,
            events: Vec::new(),
        }
    }

    pub(super) fn run((config, calls): &(SessionConfig, Vec<Call>)) -> Self {
        let mut trial = Self::new(config.clone());
        for call in calls {
            trial.call(call);
        }
        trial
    }

    /// Makes the call, and checks that it is accepted or refused as the model expects.
    pub(super) fn call(&mut self, call: &Call) {
        let state = self.bench.state();
        let attached = self.is_attached();
        let Bench { session, now } = &mut self.bench;
        match *call {
            Call::Wait(time) => *now += time,
            Call::Attach => {
                let taken = session.attach(*now).is_ok();
                assert_eq!(taken, !attached && state != SessionState::Closed);
                if taken {
                    (self.attached, self.complete) = (true, false);
                    (self.unwritten, self.unflushed) = (0, false);
                }
            }
            Call::Detach | Call::Complete => {
                if let Call::Complete = call {
                    session.handle_complete(*now);
                } else {
                    session.detach(*now);
                }
                if attached {
                    (self.attached, self.complete) = (false, true);
                    (self.unwritten, self.unflushed) = (0, false);
                }
                if let Call::Detach = call {
                    self.complete = false;
                }
            }
            Call::Released => {
                session.handle_released(*now);
                self.complete = false;
            }
            Call::Lost => session.handle_lost(),
            Call::Payload(ref lengths) => self.payload(lengths),
            Call::Alive => session.handle_alive(),
            Call::Progress => session.handle_progress(*now),
            Call::Blocked => {
                session.handle_blocked(*now);
                self.unflushed |= attached;
            }
            Call::Flushed => {
                session.handle_flushed(*now);
                if attached {
                    (self.unwritten, self.unflushed) = (0, false);
                }
            }
            Call::Timeout(timer) => {
                if let (Timer::OnTime, Some(due)) = (timer, session.poll_timeout()) {
                    *now = due.max(*now);
                }
                session.handle_timeout(*now);
            }
            Call::Send(length) => self.send(length),
            Call::Discard => {
                session.discard_messages();
                self.discards = true;
                self.held.clear();
                self.batch = 0;
                let is_message = |event: &&Event| matches!(event, Event::Message(_));
                let heard = self.events.iter().filter(is_message).count();
                self.posted.truncate(heard);
            }
            Call::Close(code) => session.close(*now, reason(code), Cause::ClosedByApp),
            Call::Abort(code) => session.abort(reason(code), Cause::ShuttingDown),
            Call::Frame => self.frame(),
            Call::Event => {
                let event = session.poll_event();
                if let Some(Event::Message(_)) = event {
                    let payload = self.held.front_mut().unwrap();
                    payload.0 -= 1;
                    if payload.0 == 0 {
                        self.held.pop_front();
                    }
                }
                self.events.extend(event);
            }
            Call::Batch => self.batch(),
            Call::BatchTaken => {
                session.handle_batch_taken();
                self.batch = 0;
            }
        }
    }

    /// Takes a batch, and all of its messages.
    fn batch(&mut self) {
        let had_batch = self.batch > 0;
        let Some(batch) = self.bench.session.poll_batch() else {
            return;
        };
        assert!(!had_batch);
        assert!(batch.len() > 1);
        let limit = self.bench.session.config().receive_buffer();
        let mut left = batch.len();
        let mut payloads = 0;
        while left > 0 {
            let (messages, size) = self.held.pop_front().unwrap();
            left -= messages;
            self.batch += size;
            payloads += 1;
        }
        assert!(payloads == 1 || self.batch <= limit / 4);
        self.events.extend(batch.map(Event::Message));
    }

    fn payload(&mut self, lengths: &[usize]) {
        let texts: Vec<_> = (self.posted.len()..)
            .zip(lengths)
            .map(|(number, &length)| numbered(number, length))
            .collect();
        let payload = payload(&serde_json::to_string(&texts).unwrap());
        let size = payload.size() + SessionConfig::PAYLOAD_OVERHEAD;
        let had_room = self.bench.session.has_room();
        match self.bench.session.handle_payload(payload) {
            Ok(()) => {
                assert!(had_room);
                assert_eq!(self.bench.state(), SessionState::Open);
                if self.discards {
                    return;
                }
                if !texts.is_empty() {
                    self.held.push_back((texts.len(), size));
                }
                self.largest = self.largest.max(size);
                self.posted.extend(texts);
            }
            Err(ReceiveError::Full(refused)) => {
                assert!(!had_room);
                assert!(refused.eq(texts));
            }
            Err(_) => assert_ne!(self.bench.state(), SessionState::Open),
        }
    }

    fn send(&mut self, length: usize) {
        let message = Message::from(numbered(self.sent.len(), length));
        let before = self.bench.session.unsent();
        let size = message.len() + SessionConfig::MESSAGE_OVERHEAD;
        let full = before > 0 && before + size > self.bench.session.config().send_buffer();
        match self.bench.session.send(self.bench.now, message.clone()) {
            Ok(()) => {
                assert!(!full);
                self.longest = self.longest.max(size);
                self.sent.push(message);
            }
            Err(SendError::Full(refused)) => {
                assert!(full);
                assert_eq!(refused, message);
            }
            Err(error) => {
                assert!(!self.is_open());
                assert_eq!(error.into_message(), message);
            }
        }
    }

    fn frame(&mut self) {
        let expected = self.bench.session.has_frame();
        let frame = self.bench.take();
        assert_eq!(frame.is_some(), expected);
        let Some(frame) = frame else { return };
        if let Frame::Messages(messages) = &frame {
            let limit = self.bench.session.config().frame_limit();
            assert!(messages.len() == 1 || frame.to_string().len() <= limit);
            self.taken += messages.len();
            self.unwritten += messages.len();
        }
        self.unflushed = true;
        self.frames.push(frame);
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(
            self.bench.state(),
            SessionState::Connecting | SessionState::Open
        )
    }

    pub(super) fn is_attached(&self) -> bool {
        self.attached && self.bench.state() != SessionState::Closed
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete && self.bench.state() != SessionState::Closed
    }

    /// Whether a frame is waiting for the receiver or in flight.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_attached() && (self.bench.session.has_frame() || self.unflushed)
    }

    /// Makes no more calls, except when a timer fires.
    pub(super) fn abandon(&mut self) {
        // Each deadline that passes makes a heartbeat due, closes the session or ends it.
        for _ in 0..3 {
            self.call(&Call::Timeout(Timer::OnTime));
        }
    }

    /// Ends the session and takes all events.
    pub(super) fn end(&mut self) {
        self.call(&Call::Abort(4999));
        self.call(&Call::BatchTaken);
        for _ in 0..self.posted.len() + 3 {
            self.call(&Call::Event);
        }
    }
}

/// A unique text of at least this length.
fn numbered(number: usize, length: usize) -> String {
    format!("{number:x<length$}")
}

pub(super) fn reason(code: u16) -> CloseReason {
    CloseReason::new(code, "Go away!")
}

pub(super) fn any_script() -> impl Strategy<Value = (SessionConfig, Vec<Call>)> {
    (any_config(), any_calls())
}

/// Delays of similar length, so that any of them may pass first, and small buffers.
pub(super) fn any_config() -> impl Strategy<Value = SessionConfig> {
    let delay = || (1..40_u64).prop_map(secs);
    let optional_delay = || prop::option::weighted(0.7, delay());
    let delays = (optional_delay(), delay(), optional_delay(), delay());
    let receive_buffer = prop_oneof![0..300_usize, 0..2000_usize];
    (delays, 0..600_usize, receive_buffer, 0..600_usize).prop_map(
        |(delays, send_buffer, receive_buffer, frame_limit)| {
            let (heartbeat_delay, disconnect_delay, pong_timeout, send_timeout) = delays;
            SessionConfig::default()
                .with_heartbeat_delay(heartbeat_delay)
                .with_disconnect_delay(disconnect_delay)
                .with_pong_timeout(pong_timeout)
                .with_send_timeout(send_timeout)
                .with_send_buffer(send_buffer)
                .with_receive_buffer(receive_buffer)
                .with_frame_limit(frame_limit)
        },
    )
}

pub(super) fn any_time() -> impl Strategy<Value = Duration> {
    (0..15_u64).prop_map(secs)
}

/// Calls with many messages, or with so few that heartbeats become due.
pub(super) fn any_calls() -> impl Strategy<Value = Vec<Call>> {
    prop_oneof![calls(20), calls(1)]
}

fn calls(messages: u32) -> impl Strategy<Value = Vec<Call>> {
    // Calls that end a session are rare, so that most scripts are long.
    let call = prop_oneof![
        12 => any_time().prop_map(Call::Wait),
        30 => Just(Call::Attach),
        3 => Just(Call::Detach),
        3 => Just(Call::Complete),
        4 => Just(Call::Released),
        1 => Just(Call::Lost),
        messages => prop::collection::vec(0..40_usize, 0..4).prop_map(Call::Payload),
        3 => Just(Call::Alive),
        4 => Just(Call::Progress),
        2 => Just(Call::Blocked),
        25 => Just(Call::Flushed),
        20 => Just(Call::Timeout(Timer::OnTime)),
        8 => Just(Call::Timeout(Timer::AtOnce)),
        messages => (0..300_usize).prop_map(Call::Send),
        1 => Just(Call::Discard),
        1 => (3000..5000_u16).prop_map(Call::Close),
        1 => (3000..5000_u16).prop_map(Call::Abort),
        25 => Just(Call::Frame),
        12 => Just(Call::Event),
        8 => Just(Call::Batch),
        8 => Just(Call::BatchTaken),
    ];
    prop::collection::vec(call, 0..100)
}
