use std::time::{Duration, Instant};

use crate::SessionConfig;

/// What a session knows of its attached receiver.
#[derive(Debug)]
pub(super) struct Attached {
    heartbeat: Heartbeat,
    pong: Pong,
    /// Since when something waits that the receiver does not take.
    waiting_since: Option<Instant>,
    /// How many messages were handed out and may still sit in a buffer.
    unwritten: usize,
}

#[derive(Debug)]
enum Heartbeat {
    Off,
    At(Instant),
    Due,
}

#[derive(Debug)]
enum Pong {
    NotAsked,
    /// The heartbeat that asks was handed out. The client's time starts once it is written, or a
    /// large message before it on a slow link would cost the session.
    Unwritten,
    Before(Instant),
}

/// What a receiver's deadlines demand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Fine,
    Slow,
    Silent,
}

impl Attached {
    pub(super) fn new(now: Instant, config: &SessionConfig) -> Self {
        Self {
            heartbeat: Heartbeat::after(config.heartbeat_delay(), now),
            pong: Pong::NotAsked,
            waiting_since: None,
            unwritten: 0,
        }
    }

    /// Something waits for the receiver.
    pub(super) fn wait(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    /// A frame with that many messages was handed out.
    pub(super) fn sent(&mut self, now: Instant, config: &SessionConfig, messages: usize) {
        self.unwritten += messages;
        self.wait(now);
        if let Heartbeat::At(_) | Heartbeat::Due = self.heartbeat {
            self.heartbeat = Heartbeat::after(config.heartbeat_delay(), now);
        }
    }

    /// The heartbeat that was due was handed out.
    pub(super) fn sent_heartbeat(&mut self, now: Instant, config: &SessionConfig) {
        self.sent(now, config, 0);
        if config.pong_timeout().is_some() && matches!(self.pong, Pong::NotAsked) {
            self.pong = Pong::Unwritten;
        }
    }

    /// The receiver took some bytes, but not all.
    pub(super) fn progressed(&mut self, now: Instant) {
        if self.waiting_since.is_some() {
            self.waiting_since = Some(now);
        }
    }

    /// The receiver took all that was handed out; `more` waits behind that.
    pub(super) fn flushed(&mut self, now: Instant, config: &SessionConfig, more: bool) {
        self.unwritten = 0;
        self.waiting_since = (more || self.heartbeat_is_due()).then_some(now);
        if let (Pong::Unwritten, Some(timeout)) = (&self.pong, config.pong_timeout()) {
            self.pong = Pong::Before(now + timeout);
        }
    }

    /// Something arrived from the client.
    pub(super) fn alive(&mut self) {
        self.pong = Pong::NotAsked;
    }

    /// The session closes: no more heartbeats, and no more waiting for an answer to one.
    pub(super) fn close(&mut self, now: Instant) {
        self.heartbeat = Heartbeat::Off;
        self.pong = Pong::NotAsked;
        self.wait(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, config: &SessionConfig) -> Verdict {
        if self.slow_at(config).is_some_and(|at| at <= now) {
            return Verdict::Slow;
        }
        if let Pong::Before(deadline) = self.pong {
            if deadline <= now {
                return Verdict::Silent;
            }
        }
        if let Heartbeat::At(at) = self.heartbeat {
            if at <= now {
                self.heartbeat = Heartbeat::Due;
                self.wait(now);
            }
        }
        Verdict::Fine
    }

    pub(super) fn poll_timeout(&self, config: &SessionConfig) -> Option<Instant> {
        let heartbeat = match self.heartbeat {
            Heartbeat::At(at) => Some(at),
            Heartbeat::Off | Heartbeat::Due => None,
        };
        let pong = match self.pong {
            Pong::Before(deadline) => Some(deadline),
            Pong::NotAsked | Pong::Unwritten => None,
        };
        [heartbeat, pong, self.slow_at(config)]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn heartbeat_is_due(&self) -> bool {
        matches!(self.heartbeat, Heartbeat::Due)
    }

    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }

    fn slow_at(&self, config: &SessionConfig) -> Option<Instant> {
        self.waiting_since
            .map(|since| since + config.send_timeout())
    }
}

impl Heartbeat {
    fn after(delay: Option<Duration>, now: Instant) -> Self {
        delay.map_or(Self::Off, |delay| Self::At(now + delay))
    }
}
