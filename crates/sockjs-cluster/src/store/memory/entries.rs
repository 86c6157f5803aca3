use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sockjs_axum::peers::SessionKey;
use tokio::time::Instant;

use crate::store::directory::Entry;

/// The entries whose leases run.
#[derive(Default)]
pub(super) struct Entries {
    of: HashMap<SessionKey, (Entry, Instant)>,
    /// The same leases, in the order in which they end.
    ends: BTreeSet<(Instant, SessionKey)>,
}

impl Entries {
    pub(super) fn set(&mut self, session: SessionKey, entry: Entry, lease: Duration) {
        self.remove(session);
        let end = Instant::now() + lease;
        self.of.insert(session, (entry, end));
        self.ends.insert((end, session));
    }

    pub(super) fn remove(&mut self, session: SessionKey) {
        if let Some((_, end)) = self.of.remove(&session) {
            self.ends.remove(&(end, session));
        }
    }

    /// Removes the entries whose leases are over.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        while let Some(&(end, session)) = self.ends.first()
            && end <= now
        {
            self.remove(session);
        }
    }

    pub(super) fn get(&self, session: SessionKey) -> Option<Entry> {
        self.of.get(&session).map(|(entry, _)| *entry)
    }

    pub(super) fn len(&mut self) -> usize {
        self.expire();
        self.of.len()
    }
}
