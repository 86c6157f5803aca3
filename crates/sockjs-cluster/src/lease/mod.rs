//! The sessions of this node, and their leases in the directory.

mod ended;
mod keeper;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sockjs_axum::peers::SessionKey;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::ended::Ended;
pub(crate) use self::keeper::Keeper;

/// The sessions that this node has claimed.
///
/// Writes about the same session reach the directory one after the other: a claim waits for a release that
/// is under way, and the keeper has at most one renewal or release of a session under way.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    table: Mutex<Table>,
    /// A release is over.
    released: Notify,
}

#[derive(Debug, Default)]
struct Table {
    leases: HashMap<SessionKey, Lease>,
    ended: Ended,
    /// What the keeper has yet to release.
    releases: VecDeque<Release>,
}

#[derive(Debug, Default)]
struct Lease {
    /// How many requests claim the session, or have claimed it and not opened it.
    claims: u32,
    is_open: bool,
    /// The directory says that the session is ours.
    is_entered: bool,
    /// The directory was asked, and may have made an entry.
    is_asked: bool,
    release: Releasing,
}

/// Whether the entry is being removed because nobody has opened the session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Releasing {
    #[default]
    No,
    Queued,
    UnderWay,
}

/// An entry of the directory that is to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Release {
    session: SessionKey,
    /// When. An entry of a session that was never open ends at once.
    until: Option<Instant>,
}

/// What is to be done for a claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Ours,
    Lost,
    /// Ask the directory.
    Ask,
    /// Wait for the release of an earlier claim.
    Wait,
}

impl Leases {
    /// Counts a claim, until [`drop_claim`](Self::drop_claim) or [`opened`](Self::opened).
    pub(crate) fn add_claim(&self, session: SessionKey) {
        self.lock().leases.entry(session).or_default().claims += 1;
    }

    pub(crate) fn next(&self, session: &SessionKey) -> Step {
        let mut table = self.lock();
        let now = Instant::now();
        if table.ended.has(session, now) {
            return Step::Lost;
        }
        let Some(lease) = table.leases.get_mut(session) else {
            return Step::Ask;
        };
        match lease.release {
            Releasing::UnderWay => Step::Wait,
            // The keeper finds that it has nothing to do.
            Releasing::Queued => {
                lease.release = Releasing::No;
                if lease.is_entered {
                    Step::Ours
                } else {
                    lease.ask()
                }
            }
            Releasing::No if lease.is_entered || lease.is_open => Step::Ours,
            Releasing::No => lease.ask(),
        }
    }

    /// The directory has an entry of this node for the session, new or not. Returns whether the session
    /// may be opened.
    pub(crate) fn entered(&self, session: &SessionKey, is_new: bool) -> bool {
        let mut table = self.lock();
        let now = Instant::now();
        let is_over = table.ended.has(session, now);
        let is_unsure = table.ended.is_unsure(now);
        let Some(lease) = table.leases.get_mut(session) else {
            return false;
        };
        // Otherwise it is from a claim of this node whose answer got lost, or that is under way.
        let is_ours = is_new || lease.is_entered || lease.is_open || !(is_over || is_unsure);
        lease.is_entered |= is_ours;
        // The entry of a session that is over stays, so that nobody opens the session again.
        lease.is_asked &= is_ours;
        is_ours
    }

    /// Another node has the session.
    pub(crate) fn is_of_another(&self, session: &SessionKey) {
        if let Some(lease) = self.lock().leases.get_mut(session) {
            lease.is_asked = false;
        }
    }

    /// Takes a claim back. Returns whether the keeper has something to do.
    pub(crate) fn drop_claim(&self, session: SessionKey) -> bool {
        let mut table = self.lock();
        let Some(lease) = table.leases.get_mut(&session) else {
            return false;
        };
        lease.claims = lease.claims.saturating_sub(1);
        if lease.claims > 0 || lease.is_open || lease.release != Releasing::No {
            return false;
        }
        if !lease.is_entered && !lease.is_asked {
            table.leases.remove(&session);
            return false;
        }
        lease.release = Releasing::Queued;
        table.releases.push_back(Release {
            session,
            until: None,
        });
        true
    }

    /// Returns whether the directory has an entry.
    pub(crate) fn opened(&self, session: SessionKey) -> bool {
        let mut table = self.lock();
        let lease = table.leases.entry(session).or_default();
        lease.claims = lease.claims.saturating_sub(1);
        lease.is_open = true;
        lease.is_entered
    }

    /// Returns whether the keeper has something to do.
    pub(crate) fn ended(&self, session: SessionKey, remembered: Duration) -> bool {
        let mut table = self.lock();
        let now = Instant::now();
        let Some(lease) = table.leases.get_mut(&session) else {
            return false;
        };
        if !lease.is_open {
            return false;
        }
        lease.is_open = false;
        lease.is_entered = false;
        lease.is_asked = false;
        if lease.claims == 0 {
            table.leases.remove(&session);
        }
        table.ended.push(session, now, remembered);
        table.releases.push_back(Release {
            session,
            until: Some(now + remembered),
        });
        true
    }

    /// Returns the sessions whose leases are to be renewed.
    fn sessions(&self) -> Vec<SessionKey> {
        let table = self.lock();
        let leases = table.leases.iter().filter(|(_, it)| it.is_kept());
        leases.map(|(session, _)| *session).collect()
    }

    /// Drops the sessions from a list whose leases need not be renewed after all.
    fn retain_kept(&self, sessions: &mut Vec<SessionKey>) {
        let table = self.lock();
        sessions.retain(|it| table.leases.get(it).is_some_and(Lease::is_kept));
    }

    fn renewed(&self, session: &SessionKey) {
        if let Some(lease) = self.lock().leases.get_mut(session)
            && lease.is_open
        {
            lease.is_entered = true;
        }
    }

    /// Another node owns the session.
    fn taken(&self, session: &SessionKey) {
        let mut table = self.lock();
        let Some(lease) = table.leases.get_mut(session) else {
            return;
        };
        lease.is_open = false;
        lease.is_entered = false;
        lease.is_asked = false;
        if lease.claims == 0 {
            table.leases.remove(session);
        }
    }

    /// Takes the next entries that are to end.
    fn take_releases(&self, max: usize) -> Vec<Release> {
        let mut table = self.lock();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(release) = table.releases.pop_front()
        {
            if release.until.is_none() {
                // A new claim may have come meanwhile.
                match table.leases.get_mut(&release.session) {
                    Some(lease) if lease.release == Releasing::Queued => {
                        lease.release = Releasing::UnderWay;
                    }
                    _ => continue,
                }
            }
            taken.push(release);
        }
        taken
    }

    /// A release is over. `entry_lasts` is how long the entry may still be there after all.
    fn released(&self, release: &Release, entry_lasts: Option<Duration>) {
        let mut table = self.lock();
        if release.until.is_some() {
            if let Some(entry_lasts) = entry_lasts {
                table
                    .ended
                    .push(release.session, Instant::now(), entry_lasts);
            }
            return;
        }
        if let Some(lease) = table.leases.get_mut(&release.session) {
            *lease = Lease {
                claims: lease.claims,
                ..Lease::default()
            };
            if lease.claims == 0 {
                table.leases.remove(&release.session);
            }
        }
        drop(table);
        self.released.notify_waiters();
    }

    /// Waits for the end of a release that is under way.
    pub(crate) async fn wait(&self, session: &SessionKey) {
        loop {
            let released = self.released.notified();
            let mut released = std::pin::pin!(released);
            released.as_mut().enable();
            let is_under_way = {
                let table = self.lock();
                let lease = table.leases.get(session);
                lease.is_some_and(|it| it.release == Releasing::UnderWay)
            };
            if !is_under_way {
                return;
            }
            released.await;
        }
    }

    /// Puts everything on the list of releases, because the node leaves.
    fn release_all(&self) {
        let mut table = self.lock();
        let Table {
            leases, releases, ..
        } = &mut *table;
        for (session, lease) in leases {
            // A release that was under way has ended with the keeper's task.
            if lease.release != Releasing::Queued && (lease.is_entered || lease.is_asked) {
                lease.is_open = false;
                lease.release = Releasing::Queued;
                releases.push_back(Release {
                    session: *session,
                    until: None,
                });
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().leases.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn ask(&mut self) -> Step {
        self.is_asked = true;
        Step::Ask
    }

    fn is_kept(&self) -> bool {
        self.release == Releasing::No && (self.is_entered || self.is_open)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const KEY: SessionKey = SessionKey([7; 16]);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Claims, and the directory says that the session is new.
    fn claim(leases: &Leases) {
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
        assert!(leases.entered(&KEY, true));
    }

    #[tokio::test(start_paused = true)]
    async fn second_claim_of_this_node_is_ours_without_a_question() {
        let leases = Leases::default();
        claim(&leases);
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ours);
        leases.opened(KEY);
        assert!(!leases.drop_claim(KEY), "the first one has opened it");
        assert_eq!(leases.sessions(), [KEY]);
        assert!(leases.ended(KEY, MINUTE));
        assert_eq!(leases.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn entry_goes_when_the_last_claim_is_dropped() {
        let leases = Leases::default();
        claim(&leases);
        leases.add_claim(KEY);
        assert!(!leases.drop_claim(KEY));
        assert!(leases.drop_claim(KEY));
        assert_eq!(leases.sessions(), []);
        let releases = leases.take_releases(9);
        assert_eq!(releases.len(), 1);
        leases.released(&releases[0], None);
        assert_eq!(leases.len(), 0);
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
    }

    #[tokio::test(start_paused = true)]
    async fn claim_revives_an_entry_whose_release_has_not_begun() {
        let leases = Leases::default();
        claim(&leases);
        assert!(leases.drop_claim(KEY));
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ours);
        assert_eq!(leases.take_releases(9), []);
        assert_eq!(leases.sessions(), [KEY]);
    }

    #[tokio::test(start_paused = true)]
    async fn claim_waits_for_a_release_under_way() {
        let leases = Leases::default();
        claim(&leases);
        assert!(leases.drop_claim(KEY));
        let releases = leases.take_releases(9);
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Wait);
        let mut wait = Box::pin(leases.wait(&KEY));
        assert!(wait.as_mut().now_or_never().is_none());
        leases.released(&releases[0], None);
        assert!(wait.now_or_never().is_some());
        assert_eq!(leases.next(&KEY), Step::Ask);
    }

    #[tokio::test(start_paused = true)]
    async fn node_that_leaves_releases_what_was_under_way() {
        let leases = Leases::default();
        claim(&leases);
        assert!(leases.drop_claim(KEY));
        let releases = leases.take_releases(9);
        leases.release_all();
        assert_eq!(leases.take_releases(9), releases);
    }

    #[tokio::test(start_paused = true)]
    async fn claim_that_was_never_answered_is_released() {
        let leases = Leases::default();
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
        assert!(leases.drop_claim(KEY), "there may be an entry");
    }

    #[tokio::test(start_paused = true)]
    async fn claim_of_a_session_of_another_node_leaves_nothing() {
        let leases = Leases::default();
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
        leases.is_of_another(&KEY);
        assert!(!leases.drop_claim(KEY));
        assert_eq!(leases.len(), 0);
    }

    /// The directory answers the second attempt of a claim whose first one has made the entry.
    #[tokio::test(start_paused = true)]
    async fn own_entry_without_a_session_is_of_a_claim_that_was_made_twice() {
        let leases = Leases::default();
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
        assert!(leases.entered(&KEY, false));
    }

    #[tokio::test(start_paused = true)]
    async fn own_entry_of_a_session_that_is_over_is_no_new_session() {
        let leases = Leases::default();
        claim(&leases);
        leases.opened(KEY);
        assert!(leases.ended(KEY, MINUTE));
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Lost);
        assert!(!leases.entered(&KEY, false));
        assert!(!leases.drop_claim(KEY));

        // The entry could not be shortened.
        let releases = leases.take_releases(9);
        leases.released(&releases[0], Some(3 * MINUTE));
        tokio::time::advance(2 * MINUTE).await;
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Lost);
        tokio::time::advance(2 * MINUTE).await;
        assert_eq!(leases.next(&KEY), Step::Ask);
    }

    #[tokio::test(start_paused = true)]
    async fn entry_of_a_session_that_may_be_over_stays() {
        let leases = Leases::default();
        let now = Instant::now();
        for n in 0..=ended::MAX {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&n.to_le_bytes());
            leases.lock().ended.push(SessionKey(key), now, MINUTE);
        }
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
        assert!(!leases.entered(&KEY, false));
        assert!(!leases.drop_claim(KEY));
        assert_eq!(leases.take_releases(9), []);
        assert_eq!(leases.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn session_of_another_node_is_no_longer_kept() {
        let leases = Leases::default();
        claim(&leases);
        leases.opened(KEY);
        leases.taken(&KEY);
        assert_eq!(leases.sessions(), []);
        assert!(!leases.ended(KEY, MINUTE), "the entry is not ours");
    }

    #[tokio::test(start_paused = true)]
    async fn session_that_was_opened_without_the_directory_is_kept() {
        let leases = Leases::default();
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ask);
        assert!(!leases.opened(KEY), "the keeper has to enter it");
        assert_eq!(leases.sessions(), [KEY]);
        leases.renewed(&KEY);
        leases.add_claim(KEY);
        assert_eq!(leases.next(&KEY), Step::Ours);
        assert!(leases.opened(KEY));
    }
}
