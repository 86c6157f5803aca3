use std::time::Instant;

use crate::SessionConfig;

use super::deadline::Deadline;

/// The state of the attached receiver: its deadlines, and the messages in flight.
#[derive(Debug)]
pub(super) struct Attached {
    heartbeat: Heartbeat,
    pong: Pong,
    /// When the receiver must have taken some of the bytes that are waiting for it; `None` if none
    /// are.
    progress: Option<Deadline>,
    /// The number of messages that were handed out but not yet flushed.
    in_flight: usize,
}

#[derive(Clone, Copy, Debug)]
enum Heartbeat {
    Off,
    /// No frame was handed out since that instant.
    Since(Instant),
    Due,
}

#[derive(Clone, Copy, Debug)]
enum Pong {
    NotExpected,
    /// A heartbeat was handed out but not yet flushed. The pong timeout starts with the flush,
    /// because a large message before the heartbeat may take long on a slow link.
    HeartbeatInFlight,
    Expected(Deadline),
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
            heartbeat: if config.heartbeat_delay().is_some() {
                Heartbeat::Since(now)
            } else {
                Heartbeat::Off
            },
            pong: Pong::NotExpected,
            progress: None,
            in_flight: 0,
        }
    }

    /// Starts the send timeout, unless it is running already.
    pub(super) fn start_waiting(&mut self, now: Instant) {
        self.progress.get_or_insert(Deadline::Since(now));
    }

    /// Records that a frame with this many messages was handed out.
    pub(super) fn sent(&mut self, now: Instant, messages: usize) {
        self.in_flight += messages;
        self.start_waiting(now);
        if let Heartbeat::Since(_) | Heartbeat::Due = self.heartbeat {
            self.heartbeat = Heartbeat::Since(now);
        }
    }

    /// Records that the heartbeat that was due was handed out.
    pub(super) fn sent_heartbeat(&mut self, now: Instant, config: &SessionConfig) {
        self.sent(now, 0);
        if config.pong_timeout().is_some() && matches!(self.pong, Pong::NotExpected) {
            self.pong = Pong::HeartbeatInFlight;
        }
    }

    /// Records that the receiver took some bytes, but not all.
    pub(super) fn progressed(&mut self, now: Instant) {
        if let Some(deadline) = &mut self.progress {
            *deadline = Deadline::Since(now);
        }
    }

    /// Records that the receiver took all bytes. `more` says whether other frames are waiting.
    pub(super) fn flushed(&mut self, now: Instant, more: bool) {
        self.in_flight = 0;
        self.progress = (more || self.heartbeat_is_due()).then_some(Deadline::Since(now));
        if let Pong::HeartbeatInFlight = self.pong {
            self.pong = Pong::Expected(Deadline::Since(now));
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
        if let Some(deadline) = &mut self.progress {
            if deadline.has_passed(now, config.send_timeout()) {
                return Some(Expired::SendTimeout);
            }
        }
        if let (Pong::Expected(deadline), Some(timeout)) = (&mut self.pong, config.pong_timeout()) {
            if deadline.has_passed(now, timeout) {
                return Some(Expired::PongTimeout);
            }
        }
        if self.heartbeat_at(config).is_some_and(|at| at <= now) {
            self.heartbeat = Heartbeat::Due;
            self.start_waiting(now);
        }
        None
    }

    pub(super) fn poll_timeout(&self, config: &SessionConfig) -> Option<Instant> {
        let heartbeat = self.heartbeat_at(config);
        let pong = match (self.pong, config.pong_timeout()) {
            (Pong::Expected(deadline), Some(timeout)) => Some(deadline.at(timeout)),
            _ => None,
        };
        let progress = self.progress.map(|it| it.at(config.send_timeout()));
        earlier(earlier(heartbeat, pong), progress)
    }

    fn heartbeat_at(&self, config: &SessionConfig) -> Option<Instant> {
        match (self.heartbeat, config.heartbeat_delay()) {
            (Heartbeat::Since(start), Some(delay)) => Some(start + delay),
            _ => None,
        }
    }

    pub(super) fn heartbeat_is_due(&self) -> bool {
        matches!(self.heartbeat, Heartbeat::Due)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
