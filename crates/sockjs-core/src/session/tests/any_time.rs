//! Properties of deadlines that hold for any order of method calls.

use proptest::prelude::*;

use super::trial::{Call, Timer, Trial, any_script};
use super::*;

/// A second, simple implementation of the delays of [`SessionConfig`].
#[derive(Debug)]
struct Clock {
    config: SessionConfig,
    /// Since when no receiver is attached, or since when the session is closing without one.
    alone: Instant,
    /// Since when the last receiver is complete but not released.
    complete: Option<Instant>,
    /// Since when the receiver has taken no bytes although some are waiting for it.
    waiting: Option<Instant>,
    /// Since when the receiver was given no frame; `None` once a heartbeat is due.
    silent: Option<Instant>,
    question: Question,
}

/// Whether an answer to a heartbeat is expected.
#[derive(Clone, Copy, Debug)]
enum Question {
    None,
    Unwritten,
    Written(Instant),
}

#[derive(Clone, Copy, Debug)]
enum Deadline {
    Disconnect,
    Send,
    Pong,
    Heartbeat,
}

impl Clock {
    fn new(config: SessionConfig, now: Instant) -> Self {
        Self {
            config,
            alone: now,
            complete: None,
            waiting: None,
            silent: None,
            question: Question::None,
        }
    }

    /// Makes the call and updates the expected deadlines.
    fn call(&mut self, trial: &mut Trial, call: &Call) {
        let (was, was_attached) = (trial.bench.state(), trial.is_attached());
        let frames = trial.frames.len();
        trial.call(call);
        let (is, is_attached) = (trial.bench.state(), trial.is_attached());
        let now = trial.bench.now;

        if was_attached != is_attached || was != is {
            self.alone = now;
            self.silent = Some(now);
            self.question = Question::None;
        }
        if was_attached != is_attached {
            self.waiting = None;
        }
        if trial.is_complete() {
            self.complete.get_or_insert(now);
        } else if self.complete.take().is_some() {
            self.alone = now;
        }
        match call {
            Call::Progress | Call::Flushed => self.waiting = None,
            Call::Timeout(_) if self.heartbeat().is_some_and(|at| at <= now) => self.silent = None,
            _ => {}
        }
        let is_read = trial.bench.session.has_room();
        self.question = match (self.question, call) {
            (_, Call::Alive | Call::Payload(_)) => Question::None,
            (_, Call::Flushed) if !is_read => Question::None,
            (Question::Unwritten, Call::Flushed) => Question::Written(now),
            (Question::None, _) if trial.frames.get(frames) == Some(&Frame::Heartbeat) => {
                Question::Unwritten
            }
            (question, _) => question,
        };
        if trial.frames.len() > frames {
            self.silent = Some(now);
        }
        if trial.is_waiting() {
            self.waiting.get_or_insert(now);
        } else {
            self.waiting = None;
        }
    }

    /// Returns all deadlines. Of those that have passed, only the first takes effect.
    fn deadlines(&self, trial: &Trial) -> Vec<(Deadline, Instant)> {
        let config = &self.config;
        let disconnect = Some(self.alone + config.disconnect_delay());
        let send = self.waiting.map(|since| since + config.send_timeout());
        let pong = match self.question {
            Question::Written(since) => config.pong_timeout().map(|timeout| since + timeout),
            Question::None | Question::Unwritten => None,
        };
        let candidates = match (trial.bench.state(), trial.is_attached()) {
            (SessionState::Closed, _) => vec![],
            (_, false) => match self.complete {
                Some(since) => vec![(Deadline::Send, Some(since + config.send_timeout()))],
                None => vec![(Deadline::Disconnect, disconnect)],
            },
            (SessionState::Closing, true) => vec![(Deadline::Send, send)],
            (_, true) => vec![
                (Deadline::Send, send),
                (Deadline::Pong, pong),
                (Deadline::Heartbeat, self.heartbeat()),
            ],
        };
        let exist = |(deadline, at): (_, Option<_>)| Some((deadline, at?));
        candidates.into_iter().filter_map(exist).collect()
    }

    fn heartbeat(&self) -> Option<Instant> {
        Some(self.silent? + self.config.heartbeat_delay()?)
    }
}

proptest! {
    #[test]
    fn poll_timeout_returns_the_first_deadline((config, calls) in any_script()) {
        let mut trial = Trial::new(config.clone());
        let mut clock = Clock::new(config, trial.bench.now);
        for call in &calls {
            clock.call(&mut trial, call);
            let first = clock.deadlines(&trial).into_iter().map(|(_, at)| at).min();
            assert_eq!(trial.bench.session.poll_timeout(), first);
        }
    }

    #[test]
    fn a_passed_deadline_has_only_its_own_effect((config, calls) in any_script()) {
        let mut trial = Trial::new(config.clone());
        let mut clock = Clock::new(config, trial.bench.now);
        for call in &calls {
            let mut deadlines = clock.deadlines(&trial).into_iter();
            let (state, before) = (trial.bench.state(), trial.bench.snapshot());
            clock.call(&mut trial, call);
            if !matches!(call, Call::Timeout(_)) {
                continue;
            }
            let passed = deadlines.find(|(_, at)| *at <= trial.bench.now);
            let ended_as = |cause| match state {
                SessionState::Closing => trial.bench.cause().is_some(),
                _ => trial.bench.cause() == Some(cause),
            };
            match passed.map(|(deadline, _)| deadline) {
                None => assert_eq!(trial.bench.snapshot(), before),
                Some(Deadline::Disconnect) => assert!(ended_as(Cause::DisconnectTimeout)),
                Some(Deadline::Send) => assert!(ended_as(Cause::SlowClient)),
                Some(Deadline::Pong) => assert_eq!(trial.bench.state(), SessionState::Closing),
                Some(Deadline::Heartbeat) => {
                    assert_eq!(trial.bench.state(), state);
                    assert!(trial.bench.session.has_frame());
                }
            }
        }
    }

    #[test]
    fn a_repeated_timeout_changes_nothing((config, calls) in any_script()) {
        let mut trial = Trial::new(config);
        for call in &calls {
            trial.call(call);
            if let Call::Timeout(_) = call {
                let before = trial.bench.snapshot();
                trial.call(&Call::Timeout(Timer::AtOnce));
                assert_eq!(trial.bench.snapshot(), before);
            }
        }
    }

    #[test]
    fn no_timeout_is_due_again_at_once((config, calls) in any_script()) {
        let mut trial = Trial::new(config);
        for call in &calls {
            trial.call(call);
            if let Call::Timeout(_) = call {
                let next = trial.bench.session.poll_timeout();
                assert!(next.is_none_or(|next| next > trial.bench.now));
            }
        }
    }
}
