use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::time::{Duration, Instant};

use sockjs_core::CloseReason;

use crate::session::{Digest, Even, Key};

/// The sessions that ended recently. A late request for one of them is told how the session ended,
/// and does not open a new session under the old id.
///
/// All records have about the same size, whatever the keys and the close reasons of the sessions. A
/// record is young for as long as the protocol asks for it: during the disconnect delay. No other
/// session pushes a young record out.
#[derive(Debug, Default)]
pub(super) struct Ended {
    sessions: HashMap<Key, EndedSession, BuildHasherDefault<Even>>,
    /// The same keys, oldest first. Each is young until the instant beside it.
    order: VecDeque<(Instant, Key)>,
}

/// The record of one ended session.
#[derive(Clone, Debug)]
pub(crate) struct EndedSession {
    pub(super) reason: CloseReason,
    pub(super) bound_to: Option<Digest>,
}

impl EndedSession {
    /// Makes a record. A long reason, which is the application's, is truncated.
    pub(super) fn new(reason: &CloseReason, bound_to: Option<Digest>) -> Self {
        let text = reason.reason();
        let reason = if text.len() <= MAX_REASON {
            reason.clone()
        } else {
            let mut ends = (0..=MAX_REASON).rev();
            let end = ends.find(|end| text.is_char_boundary(*end));
            CloseReason::new(reason.code(), text[..end.unwrap_or_default()].to_owned())
        };
        Self { reason, bound_to }
    }
}

impl Ended {
    pub(super) fn push(
        &mut self,
        key: Key,
        session: EndedSession,
        now: Instant,
        disconnect_delay: Duration,
    ) {
        self.forget(now);
        while self.order.len() >= MAX_OLD && self.order.front().is_some_and(|it| it.0 <= now) {
            self.pop();
        }
        let delay = disconnect_delay.min(LONGEST_DELAY);
        self.order.push_back((now + delay, key));
        self.sessions.insert(key, session);
    }

    pub(super) fn find(&mut self, key: &Key, now: Instant) -> Option<EndedSession> {
        self.forget(now);
        self.sessions.get(key).cloned()
    }

    /// Returns whether the table has `max` young records.
    pub(super) fn is_full(&mut self, max: usize, now: Instant) -> bool {
        self.forget(now);
        // The first of the youngest `max` records.
        let first = self.order.len().checked_sub(max.max(1));
        first.is_some_and(|first| self.order[first].0 > now)
    }

    fn forget(&mut self, now: Instant) {
        while self
            .order
            .front()
            .is_some_and(|(young, _)| *young + REMEMBER <= now)
        {
            self.pop();
        }
        // After many sessions have ended in a short time.
        if self.order.capacity() > 2 * MAX_OLD && self.order.capacity() / 4 > self.order.len() {
            self.order.shrink_to(2 * self.order.len());
            self.sessions.shrink_to(2 * self.order.len());
        }
    }

    fn pop(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.sessions.remove(&key);
        }
    }
}

/// How many sessions a table remembers for longer than the disconnect delay. Each shard of the
/// registry has one table.
const MAX_OLD: usize = 1024;

/// How long a session is remembered, in addition to the disconnect delay that the protocol asks for.
/// A client makes a new id for each session, so that only a late request ever asks for an old id.
pub(super) const REMEMBER: Duration = Duration::from_secs(60);

/// More would leave the range of the clock.
const LONGEST_DELAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How many bytes of a close reason are remembered: as many as a WebSocket can tell.
const MAX_REASON: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::DigestKey;

    const DELAY: Duration = Duration::from_secs(5);

    fn ended_session() -> EndedSession {
        EndedSession::new(&CloseReason::NORMAL, None)
    }

    fn reason(ended: &mut Ended, key: &Key, now: Instant) -> Option<CloseReason> {
        ended.find(key, now).map(|session| session.reason)
    }

    #[test]
    fn ended_sessions_are_remembered_for_a_while() {
        let digest = DigestKey::new();
        let (a, b) = (digest.of("a"), digest.of("b"));
        let start = Instant::now();
        let mut ended = Ended::default();
        ended.push(a, ended_session(), start, DELAY);

        let before = start + DELAY + REMEMBER - Duration::from_millis(1);
        assert_eq!(reason(&mut ended, &a, before), Some(CloseReason::NORMAL));
        assert_eq!(reason(&mut ended, &b, before), None);
        assert_eq!(reason(&mut ended, &a, start + DELAY + REMEMBER), None);
        assert!(ended.sessions.is_empty() && ended.order.is_empty());
    }

    /// Limit: records of ended sessions, for late requests
    #[test]
    fn young_records_stay_and_old_ones_make_room() {
        let digest = DigestKey::new();
        let key = |n: usize| digest.of(&n);
        let start = Instant::now();
        let mut ended = Ended::default();
        let many = 20 * MAX_OLD;
        for n in 0..many {
            ended.push(key(n), ended_session(), start, DELAY);
        }
        let young = start + DELAY - Duration::from_millis(1);
        for n in [0, 1, many - 1] {
            assert!(reason(&mut ended, &key(n), young).is_some(), "{n}");
        }

        ended.push(key(many), ended_session(), start + DELAY, DELAY);
        assert_eq!(ended.sessions.len(), MAX_OLD);
        assert_eq!(reason(&mut ended, &key(0), young), None);
        assert!(reason(&mut ended, &key(many), young).is_some());

        // What many sessions needed is given back.
        ended.forget(start + DELAY);
        assert!(ended.order.capacity() <= 4 * MAX_OLD);
        assert!(ended.sessions.capacity() <= 8 * MAX_OLD);
    }

    #[test]
    fn a_table_that_was_large_is_small_when_it_is_empty() {
        let digest = DigestKey::new();
        let start = Instant::now();
        let mut ended = Ended::default();
        for n in 0..20 * MAX_OLD {
            ended.push(digest.of(&n), ended_session(), start, DELAY);
        }
        ended.forget(start + DELAY + REMEMBER);
        assert!(ended.sessions.is_empty() && ended.order.is_empty());
        assert!(ended.order.capacity() <= 2 * MAX_OLD);
        assert!(ended.sessions.capacity() <= 2 * MAX_OLD);
    }

    #[test]
    fn table_is_full_of_young_records_only() {
        let digest = DigestKey::new();
        let start = Instant::now();
        let mut ended = Ended::default();
        assert!(!ended.is_full(2, start));
        for n in 0..2 {
            let now = start + n * Duration::from_secs(1);
            assert!(!ended.is_full(2, now));
            ended.push(digest.of(&n), ended_session(), now, DELAY);
        }
        assert!(ended.is_full(2, start + DELAY - Duration::from_millis(1)));
        assert!(!ended.is_full(3, start + DELAY - Duration::from_millis(1)));
        assert!(!ended.is_full(2, start + DELAY));
    }

    /// Limit: close reason in such a record
    #[test]
    fn long_reasons_are_truncated_and_short_ones_are_not() {
        let long = CloseReason::new(3000, "ü".repeat(100));
        let record = EndedSession::new(&long, None);
        assert_eq!(record.reason.code(), 3000);
        assert_eq!(record.reason.reason(), "ü".repeat(61));
        let short = CloseReason::new(3000, "Go away!");
        assert_eq!(EndedSession::new(&short, None).reason, short);
    }

    #[test]
    fn any_disconnect_delay_is_possible() {
        let key = DigestKey::new().of("a");
        let now = Instant::now();
        let mut ended = Ended::default();
        ended.push(key, ended_session(), now, Duration::MAX);
        let months = Duration::from_secs(300 * 24 * 60 * 60);
        assert!(reason(&mut ended, &key, now + months).is_some());
        assert!(ended.is_full(1, now + months));
    }
}
