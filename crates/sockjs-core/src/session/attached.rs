use std::time::{Duration, Instant};

use crate::SessionConfig;

/// The state of the attached receiver: its deadlines, and the messages in flight.
#[derive(Debug)]
pub(super) struct Attached {
    heartbeat: Heartbeat,
    pong: Pong,
    /// Since when the receiver has taken no bytes although some are waiting for it.
    waiting_since: Option<Instant>,
    /// The number of messages that were handed out but not yet flushed.
    in_flight: usize,
}

#[derive(Debug)]
enum Heartbeat {
    Off,
    At(Instant),
    Due,
}

#[derive(Debug)]
enum Pong {
    NotExpected,
    /// A heartbeat was handed out but not yet flushed. The pong timeout starts with the flush,
    /// because a large message before the heartbeat may take long on a slow link.
    HeartbeatInFlight,
    ExpectedBy(Instant),
}

/// A deadline that passed and ends the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Expired {
    SendTimeout,
    PongTimeout,
}

impl Attached {
    pub(super) fn new(now: Instant, config: &SessionConfig) -> Self {
        Self {
            heartbeat: Heartbeat::after(config.heartbeat_delay(), now),
            pong: Pong::NotExpected,
            waiting_since: None,
            in_flight: 0,
        }
    }

    /// Starts the send timeout, unless it is running already.
    pub(super) fn start_waiting(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    /// Records that a frame with this many messages was handed out.
    pub(super) fn sent(&mut self, now: Instant, config: &SessionConfig, messages: usize) {
        self.in_flight += messages;
        self.start_waiting(now);
        if let Heartbeat::At(_) | Heartbeat::Due = self.heartbeat {
            self.heartbeat = Heartbeat::after(config.heartbeat_delay(), now);
        }
    }

    /// Records that the heartbeat that was due was handed out.
    pub(super) fn sent_heartbeat(&mut self, now: Instant, config: &SessionConfig) {
        self.sent(now, config, 0);
        if config.pong_timeout().is_some() && matches!(self.pong, Pong::NotExpected) {
            self.pong = Pong::HeartbeatInFlight;
        }
    }

    /// Records that the receiver took some bytes, but not all.
    pub(super) fn progressed(&mut self, now: Instant) {
        if self.waiting_since.is_some() {
            self.waiting_since = Some(now);
        }
    }

    /// Records that the receiver took all bytes. `more` says whether other frames are waiting.
    pub(super) fn flushed(&mut self, now: Instant, config: &SessionConfig, more: bool) {
        self.in_flight = 0;
        self.waiting_since = (more || self.heartbeat_is_due()).then_some(now);
        if let (Pong::HeartbeatInFlight, Some(timeout)) = (&self.pong, config.pong_timeout()) {
            self.pong = Pong::ExpectedBy(now + timeout);
        }
    }

    /// Records that bytes arrived from the client.
    pub(super) fn alive(&mut self) {
        self.pong = Pong::NotExpected;
    }

    /// Records that the session is closing, which stops heartbeats and the pong timeout.
    pub(super) fn close(&mut self, now: Instant) {
        self.heartbeat = Heartbeat::Off;
        self.pong = Pong::NotExpected;
        self.start_waiting(now);
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        config: &SessionConfig,
    ) -> Option<Expired> {
        if self.send_deadline(config).is_some_and(|at| at <= now) {
            return Some(Expired::SendTimeout);
        }
        if let Pong::ExpectedBy(deadline) = self.pong {
            if deadline <= now {
                return Some(Expired::PongTimeout);
            }
        }
        if let Heartbeat::At(at) = self.heartbeat {
            if at <= now {
                self.heartbeat = Heartbeat::Due;
                self.start_waiting(now);
            }
        }
        None
    }

    pub(super) fn poll_timeout(&self, config: &SessionConfig) -> Option<Instant> {
        let heartbeat = match self.heartbeat {
            Heartbeat::At(at) => Some(at),
            Heartbeat::Off | Heartbeat::Due => None,
        };
        let pong = match self.pong {
            Pong::ExpectedBy(deadline) => Some(deadline),
            Pong::NotExpected | Pong::HeartbeatInFlight => None,
        };
        [heartbeat, pong, self.send_deadline(config)]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn heartbeat_is_due(&self) -> bool {
        matches!(self.heartbeat, Heartbeat::Due)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn send_deadline(&self, config: &SessionConfig) -> Option<Instant> {
        self.waiting_since
            .map(|since| since + config.send_timeout())
    }
}

impl Heartbeat {
    fn after(delay: Option<Duration>, now: Instant) -> Self {
        delay.map_or(Self::Off, |delay| Self::At(now + delay))
    }
}
