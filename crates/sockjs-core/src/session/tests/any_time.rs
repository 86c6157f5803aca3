//! Properties of deadlines that hold for any order of method calls.

use proptest::prelude::*;

use super::trial::{Call, Timer, Trial, any_script};
use super::*;

/// A second, simple implementation of the delays of [`SessionConfig`].
#[derive(Clone, Debug)]
struct Clock {
    config: SessionConfig,
    /// Since when no receiver is attached, or since when the session is closing without one.
    alone: Since,
    /// Since when the last receiver is complete but not released.
    complete: Option<Since>,
    /// Since when the receiver has taken no bytes although some are waiting for it.
    waiting: Option<Since>,
    /// Since when the receiver was given no frame; `None` once a heartbeat is due.
    silent: Option<Instant>,
    question: Question,
}

/// Whether an answer to a heartbeat is expected.
#[derive(Clone, Copy, Debug)]
enum Question {
    None,
    Unwritten,
    Written(Since),
}

/// The start of a delay that ends the session.
#[derive(Clone, Copy, Debug)]
struct Since {
    start: Instant,
    /// Until when the end was postponed, because a timer found it long overdue.
    postponed: Option<Instant>,
}

impl Since {
    fn new(start: Instant) -> Self {
        Self {
            start,
            postponed: None,
        }
    }

    fn end(self, delay: Duration) -> Instant {
        self.postponed.unwrap_or(self.start + delay)
    }

    fn is_postponed_at(self, now: Instant, delay: Duration) -> bool {
        self.postponed.is_none() && self.end(delay) + secs(1) < now
    }

    fn handle_timeout(&mut self, now: Instant, delay: Duration) {
        if self.is_postponed_at(now, delay) {
            self.postponed = Some(now + delay.min(secs(2)));
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
            alone: Since::new(now),
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
            self.alone = Since::new(now);
            self.silent = Some(now);
            self.question = Question::None;
        }
        if was_attached != is_attached {
            self.waiting = None;
        }
        if trial.is_complete() {
            self.complete.get_or_insert(Since::new(now));
        } else if self.complete.take().is_some() {
            self.alone = Since::new(now);
        }
        match call {
            Call::Progress | Call::Flushed => self.waiting = None,
            Call::Timeout(_) if self.heartbeat().is_some_and(|at| at <= now) => self.silent = None,
            _ => {}
        }
        if let Call::Timeout(_) = call {
            self.handle_timeout(now);
        }
        let is_read = trial.bench.session.has_room();
        self.question = match (self.question, call) {
            (_, Call::Alive | Call::Blocked | Call::Payload(_)) => Question::None,
            (_, Call::Flushed) if !is_read => Question::None,
            (Question::Unwritten, Call::Flushed) => Question::Written(Since::new(now)),
            (Question::None, _) if trial.frames.get(frames) == Some(&Frame::Heartbeat) => {
                Question::Unwritten
            }
            (question, _) => question,
        };
        if trial.frames.len() > frames {
            self.silent = Some(now);
        }
        if trial.is_waiting() {
            self.waiting.get_or_insert(Since::new(now));
        } else {
            self.waiting = None;
        }
    }

    /// Postpones the ends that are long overdue.
    fn handle_timeout(&mut self, now: Instant) {
        let config = &self.config;
        self.alone.handle_timeout(now, config.disconnect_delay());
        if let Some(waiting) = self.waiting.as_mut().or(self.complete.as_mut()) {
            waiting.handle_timeout(now, config.send_timeout());
        }
        if let (Question::Written(since), Some(timeout)) =
            (&mut self.question, config.pong_timeout())
        {
            since.handle_timeout(now, timeout);
        }
    }

    /// Returns the deadlines that a timer at `now` postpones.
    fn postponed(&self, now: Instant) -> Vec<Deadline> {
        let config = &self.config;
        let send = self.waiting.or(self.complete);
        let pong = match self.question {
            Question::Written(since) => Some(since).zip(config.pong_timeout()),
            Question::None | Question::Unwritten => None,
        };
        let candidates = [
            (
                Deadline::Disconnect,
                Some((self.alone, config.disconnect_delay())),
            ),
            (Deadline::Send, send.zip(Some(config.send_timeout()))),
            (Deadline::Pong, pong),
        ];
        let postponed = candidates.into_iter().filter(|(_, delay)| {
            delay.is_some_and(|(since, delay)| since.is_postponed_at(now, delay))
        });
        postponed.map(|(deadline, _)| deadline).collect()
    }

    /// Returns all deadlines. Of those that have passed, only the first takes effect.
    fn deadlines(&self, trial: &Trial) -> Vec<(Deadline, Instant)> {
        let config = &self.config;
        let disconnect = Some(self.alone.end(config.disconnect_delay()));
        let send = self.waiting.map(|since| since.end(config.send_timeout()));
        let pong = match self.question {
            Question::Written(since) => config.pong_timeout().map(|timeout| since.end(timeout)),
            Question::None | Question::Unwritten => None,
        };
        let candidates = match (trial.bench.state(), trial.is_attached()) {
            (SessionState::Closed, _) => vec![],
            (_, false) => match self.complete {
                Some(since) => vec![(Deadline::Send, Some(since.end(config.send_timeout())))],
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
            let earlier = clock.clone();
            clock.call(&mut trial, call);
            if !matches!(call, Call::Timeout(_)) {
                continue;
            }
            let now = trial.bench.now;
            let postponed = earlier.postponed(now);
            let passed = deadlines.find(|(it, at)| *at <= now && !postponed.contains(it));
            let ended_as = |cause| match state {
                SessionState::Closing => trial.bench.cause().is_some(),
                _ => trial.bench.cause() == Some(cause),
            };
            match passed.map(|(deadline, _)| deadline) {
                None if postponed.is_empty() => assert_eq!(trial.bench.snapshot(), before),
                None => assert_eq!(trial.bench.state(), state),
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
