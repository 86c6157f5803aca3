use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sockjs_axum::peers::SessionKey;
use tokio::time::Instant;

/// The sessions of this node whose entries in the directory may outlive them.
///
/// An entry of this node for a session that the mount does not know is either from such a session, or
/// from a claim whose answer was lost on the way. Only a session of the second kind may be opened.
#[derive(Debug, Default)]
pub(super) struct Ended {
    until: HashMap<SessionKey, Instant>,
    order: VecDeque<SessionKey>,
    /// Until then, an unknown session may be one that was forgotten for want of room.
    unsure_until: Option<Instant>,
}

impl Ended {
    pub(super) fn push(&mut self, session: SessionKey, now: Instant, entry_lasts: Duration) {
        self.forget(now);
        let until = now + entry_lasts.min(LONGEST);
        if self.until.insert(session, until).is_none() {
            self.order.push_back(session);
        }
        if self.order.len() > MAX {
            self.pop();
        }
    }

    /// Returns whether the session is over, or may be.
    pub(super) fn has(&mut self, session: &SessionKey, now: Instant) -> bool {
        self.forget(now);
        self.until.get(session).is_some_and(|until| now < *until)
    }

    /// Returns whether a session that is not in the table may be over all the same.
    pub(super) fn is_unsure(&self, now: Instant) -> bool {
        self.unsure_until.is_some_and(|until| now < until)
    }

    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.order.front()
            && self.until.get(first).is_none_or(|until| *until <= now)
        {
            let first = *first;
            self.order.pop_front();
            self.until.remove(&first);
        }
        if self.order.capacity() > 1024 && self.order.capacity() / 4 > self.order.len() {
            self.order.shrink_to(2 * self.order.len());
            self.until.shrink_to(2 * self.until.len());
        }
    }

    fn pop(&mut self) {
        if let Some(first) = self.order.pop_front() {
            let until = self.until.remove(&first);
            self.unsure_until = self.unsure_until.max(until);
        }
    }
}

/// How many sessions a mount remembers: about 8 MiB.
pub(super) const MAX: usize = 1 << 17;

/// More would leave the range of the clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> SessionKey {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&n.to_le_bytes());
        SessionKey(key)
    }

    #[tokio::test(start_paused = true)]
    async fn session_is_over_for_as_long_as_its_entry_may_last() {
        let mut ended = Ended::default();
        let now = Instant::now();
        ended.push(key(1), now, Duration::from_secs(5));
        assert!(ended.has(&key(1), now + Duration::from_secs(4)));
        assert!(!ended.has(&key(2), now));
        assert!(!ended.has(&key(1), now + Duration::from_secs(5)));
        assert!(ended.order.is_empty() && ended.until.is_empty());
    }

    /// Limit: records of ended claims.
    #[tokio::test(start_paused = true)]
    async fn without_room_nobody_is_sure() {
        let mut ended = Ended::default();
        let now = Instant::now();
        for n in 0..MAX {
            ended.push(key(n), now, Duration::from_secs(5));
        }
        assert!(!ended.is_unsure(now));
        ended.push(key(MAX), now, Duration::from_secs(5));
        assert!(ended.is_unsure(now + Duration::from_secs(4)));
        assert!(!ended.is_unsure(now + Duration::from_secs(5)));
        assert_eq!(ended.order.len(), MAX);
    }
}
