use std::time::{Duration, Instant};

use crate::SessionConfig;

use super::deadline::Deadline;

/// The state of the attached receiver: its deadlines, and the messages in flight.
#[derive(Debug)]
pub(super) struct Attached {
    heartbeat: Heartbeat,
    pong: Pong,
    /// Until when the receiver must take some of the bytes that are waiting for it; `None` if none
    /// are.
    progress_by: Option<Deadline>,
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
    ExpectedBy(Deadline),
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
            progress_by: None,
            in_flight: 0,
        }
    }

    /// Starts the send timeout, unless it is running already.
    pub(super) fn start_waiting(&mut self, now: Instant, config: &SessionConfig) {
        self.progress_by
            .get_or_insert_with(|| Deadline::new(now, config.send_timeout()));
    }

    /// Records that a frame with this many messages was handed out.
    pub(super) fn sent(&mut self, now: Instant, config: &SessionConfig, messages: usize) {
        self.in_flight += messages;
        self.start_waiting(now, config);
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
    pub(super) fn progressed(&mut self, now: Instant, config: &SessionConfig) {
        if let Some(deadline) = &mut self.progress_by {
            *deadline = Deadline::new(now, config.send_timeout());
        }
    }

    /// Records that the receiver took all bytes. `more` says whether other frames are waiting.
    pub(super) fn flushed(&mut self, now: Instant, config: &SessionConfig, more: bool) {
        self.in_flight = 0;
        self.progress_by =
            (more || self.heartbeat_is_due()).then(|| Deadline::new(now, config.send_timeout()));
        if let (Pong::HeartbeatInFlight, Some(timeout)) = (&self.pong, config.pong_timeout()) {
            self.pong = Pong::ExpectedBy(Deadline::new(now, timeout));
        }
    }

    /// Records that bytes arrived from the client.
    pub(super) fn alive(&mut self) {
        self.pong = Pong::NotExpected;
    }

    /// Records that the session is closing, which stops heartbeats and the pong timeout.
    pub(super) fn close(&mut self, now: Instant, config: &SessionConfig) {
        self.heartbeat = Heartbeat::Off;
        self.pong = Pong::NotExpected;
        self.start_waiting(now, config);
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        config: &SessionConfig,
    ) -> Option<Expired> {
        if let Some(deadline) = &mut self.progress_by {
            if deadline.has_passed(now) {
                return Some(Expired::SendTimeout);
            }
        }
        if let Pong::ExpectedBy(deadline) = &mut self.pong {
            if deadline.has_passed(now) {
                return Some(Expired::PongTimeout);
            }
        }
        if let Heartbeat::At(at) = self.heartbeat {
            if at <= now {
                self.heartbeat = Heartbeat::Due;
                self.start_waiting(now, config);
            }
        }
        None
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let heartbeat = match self.heartbeat {
            Heartbeat::At(at) => Some(at),
            Heartbeat::Off | Heartbeat::Due => None,
        };
        let pong = match &self.pong {
            Pong::ExpectedBy(deadline) => Some(deadline.at()),
            Pong::NotExpected | Pong::HeartbeatInFlight => None,
        };
        let progress = self.progress_by.as_ref().map(Deadline::at);
        [heartbeat, pong, progress].into_iter().flatten().min()
    }

    pub(super) fn heartbeat_is_due(&self) -> bool {
        matches!(self.heartbeat, Heartbeat::Due)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }
}

impl Heartbeat {
    fn after(delay: Option<Duration>, now: Instant) -> Self {
        delay.map_or(Self::Off, |delay| Self::At(now + delay))
    }
}
