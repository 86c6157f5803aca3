use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sockjs_core::CloseReason;

use crate::session::{BoundTo, Key};

/// The sessions that ended recently. A late request for one of them is told how the session ended,
/// and does not open a new session under the old id.
#[derive(Debug, Default)]
pub(super) struct Ended {
    sessions: HashMap<Key, EndedSession>,
    /// The same keys, oldest first. Each is remembered until the instant beside it.
    order: VecDeque<(Instant, Key)>,
}

/// The record of one ended session.
#[derive(Clone, Debug)]
pub(crate) struct EndedSession {
    pub(super) reason: CloseReason,
    pub(super) bound_to: Option<Arc<BoundTo>>,
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
        if self.order.len() >= MAX_ENDED {
            self.pop();
        }
        self.order
            .push_back((now + disconnect_delay + REMEMBER, key.clone()));
        self.sessions.insert(key, session);
    }

    pub(super) fn find(&mut self, key: &str, now: Instant) -> Option<EndedSession> {
        self.forget(now);
        self.sessions.get(key).cloned()
    }

    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.sessions.remove(&key);
        }
    }
}

/// How many sessions a table remembers at most. Each shard of the registry has one table.
const MAX_ENDED: usize = 1024;

/// How long a session is remembered, in addition to the disconnect delay that the protocol asks for.
/// A client makes a new id for each session, so that only a late request ever asks for an old id.
const REMEMBER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(5);

    fn ended_session() -> EndedSession {
        EndedSession {
            reason: CloseReason::NORMAL,
            bound_to: None,
        }
    }

    fn reason(ended: &mut Ended, key: &str, now: Instant) -> Option<CloseReason> {
        ended.find(key, now).map(|session| session.reason)
    }

    #[test]
    fn ended_sessions_are_remembered_for_a_while() {
        let start = Instant::now();
        let mut ended = Ended::default();
        ended.push("a".into(), ended_session(), start, DELAY);

        let before = start + DELAY + REMEMBER - Duration::from_millis(1);
        assert_eq!(reason(&mut ended, "a", before), Some(CloseReason::NORMAL));
        assert_eq!(reason(&mut ended, "b", before), None);
        assert_eq!(reason(&mut ended, "a", start + DELAY + REMEMBER), None);
        assert!(ended.sessions.is_empty() && ended.order.is_empty());
    }

    /// Limit: ids of ended sessions, for late requests
    #[test]
    fn oldest_session_is_forgotten_first() {
        let now = Instant::now();
        let mut ended = Ended::default();
        for n in 0..=MAX_ENDED {
            ended.push(n.to_string().into(), ended_session(), now, DELAY);
        }
        assert_eq!(ended.sessions.len(), MAX_ENDED);
        assert_eq!(reason(&mut ended, "0", now), None);
        assert_eq!(reason(&mut ended, "1", now), Some(CloseReason::NORMAL));
    }
}
