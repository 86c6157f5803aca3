use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use sockjs_core::{Cause, CloseReason};
use tokio::sync::Semaphore;

use super::relays::Relays;
use crate::peers::{Claim, Found, Peers, SessionKey};
use crate::session::{Digest, DigestKey, Even, Key, Shared};
use crate::sync::{Mutex, MutexGuard};

/// What the mount of a cluster keeps in addition. A mount without peers has none of it.
#[derive(Debug)]
pub(super) struct Nodes {
    peers: Arc<dyn Peers>,
    digest: DigestKey,
    relays: Relays,
    settling: [Mutex<Marks>; SHARDS],
}

/// The responses whose delivery is not confirmed yet, by their sessions. Each local request looks there,
/// too, so that there are several tables.
type Marks = HashMap<Digest, Arc<Semaphore>, BuildHasherDefault<Even>>;

impl Nodes {
    pub(super) fn new(peers: Arc<dyn Peers>) -> Self {
        Self {
            digest: DigestKey::from_secret(&peers.digest_secret()),
            peers,
            relays: Relays::default(),
            settling: std::array::from_fn(|_| Mutex::default()),
        }
    }

    pub(super) fn peers(&self) -> &Arc<dyn Peers> {
        &self.peers
    }

    pub(super) fn digest(&self) -> &DigestKey {
        &self.digest
    }

    /// Returns the requests that this node relays to others.
    pub(super) fn relays(&self) -> &Relays {
        &self.relays
    }

    /// Claims a session for this node.
    pub(super) async fn claim(&self, key: Key) -> Result<Claimed, Claim> {
        let session = session_key(key);
        // Made before the answer comes, because the call may be given up when the claim has been made.
        let mut claimed = Claimed {
            peers: self.peers.clone(),
            session,
            is_open: true,
        };
        match self.peers.claim(session).await {
            Claim::Ours => Ok(claimed),
            other => {
                claimed.is_open = false;
                Err(other)
            }
        }
    }

    pub(super) async fn find(&self, key: Key) -> Found {
        self.peers.find(session_key(key)).await
    }

    /// Lets the claim for a session that is over end after a while.
    pub(super) fn ended(&self, key: Key, remembered: Duration) {
        self.peers.ended(session_key(key), remembered);
    }

    /// Enters a response that another node passes on to the session's client. Returns the response
    /// before it, whose delivery is not confirmed yet.
    pub(super) fn settle(
        self: &Arc<Self>,
        key: Key,
        session: &Arc<Shared>,
    ) -> (Settling, Option<Unsettled>) {
        let mark = Arc::new(Semaphore::new(0));
        let before = self.marks(&key).insert(key, mark.clone());
        let settling = Settling {
            nodes: self.clone(),
            key,
            mark,
            session: Arc::downgrade(session),
        };
        (settling, before.map(Unsettled))
    }

    /// Returns the response whose delivery to the session's client is not confirmed yet.
    pub(super) fn unsettled(&self, key: &Key) -> Option<Unsettled> {
        self.marks(key).get(key).cloned().map(Unsettled)
    }

    fn marks(&self, key: &Key) -> MutexGuard<'_, Marks> {
        let marks = &self.settling[key.shard(SHARDS)];
        marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim for a session that is about to be opened. It is given up when it is dropped, unless it was
/// [kept](Self::keep).
#[derive(Debug)]
pub(super) struct Claimed {
    peers: Arc<dyn Peers>,
    session: SessionKey,
    /// Whether the claim is to be given up when this is dropped.
    is_open: bool,
}

impl Claimed {
    /// Keeps the claim, because the session is open.
    pub(super) fn keep(mut self) {
        self.is_open = false;
        self.peers.opened(self.session);
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if self.is_open {
            self.peers.abandoned(self.session);
        }
    }
}

/// A response of this node that another node passes on to the session's client.
///
/// The end of the response in HTTP/2 does not say that the client has it. Until the other node confirms
/// that, the session's next receive request waits. Without a confirmation the response is lost, and with
/// it the session.
#[derive(Debug)]
pub(crate) struct Settling {
    nodes: Arc<Nodes>,
    key: Key,
    mark: Arc<Semaphore>,
    session: Weak<Shared>,
}

impl Settling {
    /// Ends the session, because nobody knows whether its client has the response.
    pub(crate) fn lose(&self) {
        if let Some(session) = self.session.upgrade() {
            session.abort(CloseReason::INTERRUPTED, Cause::ReceiverLost);
        }
    }

    /// Asks the session to end the response soon.
    pub(crate) fn finish_response(&self) {
        if let Some(session) = self.session.upgrade() {
            session.finish_response();
        }
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let mut marks = self.nodes.marks(&self.key);
        // A later response may have taken the place.
        let mark = marks.get(&self.key);
        if mark.is_some_and(|mark| Arc::ptr_eq(mark, &self.mark)) {
            marks.remove(&self.key);
        }
        // After many responses were passed on at the same time.
        if marks.capacity() > 1024 && marks.capacity() / 8 > marks.len() {
            let len = marks.len();
            marks.shrink_to(2 * len);
        }
        drop(marks);
        self.mark.close();
    }
}

/// A response whose delivery is not confirmed yet.
#[derive(Debug)]
pub(super) struct Unsettled(Arc<Semaphore>);

impl Unsettled {
    /// Waits until the delivery is confirmed, or the response is lost.
    pub(super) async fn settled(self) {
        // There are no permits, so that only an error is possible.
        let _ = self.0.acquire().await;
    }
}

pub(super) fn session_key(key: Key) -> SessionKey {
    SessionKey(key.to_bytes())
}

const SHARDS: usize = 16;
