use std::time::{Duration, Instant};

/// An instant at which the session ends, unless something happens before.
///
/// A deadline that is found overdue by more than [`LATE`] is postponed once by [`GRACE`]. Timers
/// are not that late, so the process was stopped or the machine asleep. Whatever the client did in
/// the meantime waits to be read, and must count before the session ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    /// By how much the deadline can be postponed. Zero once it was.
    grace: Duration,
}

impl Deadline {
    pub(super) fn new(now: Instant, delay: Duration) -> Self {
        Self {
            at: now + delay,
            grace: delay.min(GRACE),
        }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Returns whether the deadline has passed, or postpones it.
    pub(super) fn has_passed(&mut self, now: Instant) -> bool {
        if now < self.at {
            return false;
        }
        if now - self.at > LATE && !self.grace.is_zero() {
            self.at = now + std::mem::take(&mut self.grace);
            return false;
        }
        true
    }
}

pub(super) const LATE: Duration = Duration::from_secs(1);

pub(super) const GRACE: Duration = Duration::from_secs(2);
