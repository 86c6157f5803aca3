use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Leases, Release};
use crate::meter;
use crate::relay::Desk;
use crate::store::{Directory, Entry, Renewal, Unavailable};
use crate::throttle::Throttle;

/// Renews the leases of this node's sessions, and ends them.
pub(crate) struct Keeper {
    me: Entry,
    directory: Arc<dyn Directory>,
    lease: Duration,
    desk: Arc<Desk>,
    mounts: Mutex<Vec<Kept>>,
    /// There is something to release.
    work: Notify,
    /// There is something to enter.
    unentered: Notify,
    throttle: Throttle,
}

/// The leases of one mount.
#[derive(Clone)]
struct Kept {
    mount: Arc<str>,
    leases: Arc<Leases>,
}

impl Keeper {
    pub(crate) fn new(
        me: Entry,
        directory: Arc<dyn Directory>,
        lease: Duration,
        desk: Arc<Desk>,
    ) -> Self {
        Self {
            me,
            directory,
            lease,
            desk,
            mounts: Mutex::default(),
            work: Notify::new(),
            unentered: Notify::new(),
            throttle: Throttle::default(),
        }
    }

    pub(crate) fn add(&self, mount: Arc<str>, leases: Arc<Leases>) {
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.push(Kept { mount, leases });
    }

    /// Says that a mount has something to release.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    /// Says that a session was opened without an entry.
    pub(crate) fn enter_soon(&self) {
        self.unentered.notify_one();
    }

    /// Runs for as long as the node is a part of the cluster.
    pub(crate) async fn run(&self) {
        let mut emptied = 0;
        let mut next = Instant::now() + self.lease / 3;
        loop {
            tokio::select! {
                biased;
                // All other nodes wait until the entries are written again.
                count = self.directory.emptied(emptied) => {
                    emptied = count;
                    next = self.round().await;
                }
                () = sleep_until(next) => next = self.round().await,
                () = self.unentered.notified() => next = self.round().await,
                () = self.work.notified() => if self.release().await {
                    // Renewals come first.
                    self.wake();
                },
            }
        }
    }

    /// Removes all entries, because the node leaves.
    pub(crate) async fn release_all(&self) {
        for kept in self.mounts() {
            kept.leases.release_all();
        }
        while self.release().await {}
    }

    /// Renews all leases, and returns when that is due again.
    async fn round(&self) -> Instant {
        match self.renew().await {
            Ok(()) => {
                meter::renewed("renewed");
                Instant::now() + self.lease / 3
            }
            Err(Unavailable) => {
                meter::renewed("unavailable");
                if self.throttle.passes("unavailable") {
                    tracing::warn!("the store does not renew the leases of the sessions");
                }
                Instant::now() + RETRY.min(self.lease / 3)
            }
        }
    }

    async fn renew(&self) -> Result<(), Unavailable> {
        for kept in self.mounts() {
            let sessions = kept.leases.sessions();
            let batches = sessions.chunks(BATCH).map(<[_]>::to_vec);
            let mut renewals = stream::iter(batches)
                .map(|batch| self.renew_batch(&kept, batch))
                .buffer_unordered(BATCHES);
            while let Some(renewed) = renewals.next().await {
                renewed?;
            }
        }
        Ok(())
    }

    async fn renew_batch(
        &self,
        kept: &Kept,
        mut sessions: Vec<sockjs_axum::peers::SessionKey>,
    ) -> Result<(), Unavailable> {
        // Those that ended meanwhile are released after this round, and must not be entered again.
        kept.leases.retain_kept(&mut sessions);
        if sessions.is_empty() {
            return Ok(());
        }
        let renewing = self.directory.renew(&sessions, &self.me, self.lease);
        let renewals = timeout(PATIENCE, renewing).await.or(Err(Unavailable))??;
        for (session, renewal) in sessions.iter().zip(renewals) {
            match renewal {
                Renewal::Renewed | Renewal::Restored => kept.leases.renewed(session),
                Renewal::Taken => {
                    kept.leases.taken(session);
                    meter::lost(&kept.mount);
                    if self.throttle.passes("taken") {
                        let mount = &*kept.mount;
                        tracing::warn!(mount, "a session is closed: another node owns it");
                    }
                    if let Some(mount) = self.desk.mount(&kept.mount) {
                        mount.lose(*session);
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends entries of sessions that are over, and of claims that opened no session: so many of each mount
    /// as are released at the same time. Returns whether there may be more.
    async fn release(&self) -> bool {
        let mut may_be_more = false;
        for kept in self.mounts() {
            let releases = kept.leases.take_releases(RELEASES);
            may_be_more |= releases.len() == RELEASES;
            let releases = stream::iter(releases)
                .for_each_concurrent(None, |release| self.release_one(&kept, release));
            releases.await;
        }
        may_be_more
    }

    async fn release_one(&self, kept: &Kept, release: Release) {
        // Many sessions may end while the store is away. Nobody waits for the store once for each.
        let mut is_released = false;
        if self.directory.is_connected() {
            let now = Instant::now();
            let remembered = release
                .until
                .map_or(Duration::ZERO, |it| it.saturating_duration_since(now));
            let session = release.session;
            let releasing = self.directory.release(session, &self.me, remembered);
            is_released = matches!(timeout(PATIENCE, releasing).await, Ok(Ok(())));
        }
        let entry_lasts = (!is_released).then_some(self.lease);
        kept.leases.released(&release, entry_lasts);
    }

    fn mounts(&self) -> Vec<Kept> {
        let mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.clone()
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// How many leases are renewed by one call, and how many calls are under way.
const BATCH: usize = 256;
const BATCHES: usize = 4;

/// How many entries are released at the same time.
const RELEASES: usize = 256;

/// How long a call may take. The store itself gives up after 3 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// When the leases are renewed again if the store was away.
const RETRY: Duration = Duration::from_millis(250);
