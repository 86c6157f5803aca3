use std::time::{Duration, Instant};

/// The end of a delay, after which the session ends unless something happens before.
///
/// Most deadlines start again long before they pass. So only the start is stored, and the caller who
/// asks for the end supplies the delay.
///
/// A deadline that is found overdue by more than [`LATE`] is postponed once by [`GRACE`]. Timers
/// are not that late, so the process was stopped or the machine asleep. Whatever the client did in
/// the meantime waits to be read, and must count before the session ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deadline {
    /// The delay started at that instant.
    Since(Instant),
    /// The deadline was overdue, and was moved to that instant.
    Postponed(Instant),
}

impl Deadline {
    pub(super) fn at(self, delay: Duration) -> Instant {
        match self {
            Self::Since(start) => start + delay,
            Self::Postponed(at) => at,
        }
    }

    /// Returns whether the deadline has passed, or postpones it.
    pub(super) fn has_passed(&mut self, now: Instant, delay: Duration) -> bool {
        let at = self.at(delay);
        if now < at {
            return false;
        }
        let grace = delay.min(GRACE);
        if now - at > LATE && !grace.is_zero() && matches!(self, Self::Since(_)) {
            *self = Self::Postponed(now + grace);
            return false;
        }
        true
    }
}

pub(super) const LATE: Duration = Duration::from_secs(1);

pub(super) const GRACE: Duration = Duration::from_secs(2);
