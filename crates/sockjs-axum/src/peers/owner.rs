use std::fmt;
use std::sync::Arc;

use http::Response;

use super::PeerFuture;
use super::message::Publication;
use super::relay::{PeerBody, RelayHead, SessionKey};

/// A mount, as the other nodes of its cluster see it.
///
/// It does not keep the mount alive. Calls have no effect once the mount is dropped.
#[derive(Clone)]
pub struct PeerMount(Arc<dyn Owner>);

impl PeerMount {
    pub(crate) fn new(owner: impl Owner) -> Self {
        Self(Arc::new(owner))
    }

    /// Answers a request that another node relays.
    ///
    /// `body` is the body of a send request. The body of a receive request stays open until the other
    /// node's client has taken the response; see [`RelayBody`](super::RelayBody). The client counts as lost if
    /// the body fails, or if the future or the response is dropped.
    ///
    /// The response has a status, a body, and at most the headers `Content-Type`, `Content-Length` and
    /// `Retry-After`. The other node needs all of them. A request for a session that this node does not own
    /// is answered with a close frame, or with 404.
    ///
    /// The caller has authenticated the other node. What the client sent is checked here.
    pub fn answer(
        &self,
        head: RelayHead,
        body: PeerBody,
    ) -> PeerFuture<'static, Response<PeerBody>> {
        self.0.answer(head, body)
    }

    /// Ends a session that another node owns now. It closes with 1001, as [`ClaimLost`].
    ///
    /// [`ClaimLost`]: crate::Cause::ClaimLost
    pub fn lose(&self, session: SessionKey) {
        self.0.lose(session);
    }

    /// Sends a message of another node to the sessions of this mount, and does not wait for them.
    pub fn deliver(&self, publication: &Publication) {
        self.0.deliver(publication);
    }

    /// Returns whether sessions of this mount are in a topic.
    pub fn has_members(&self, topic: &str) -> bool {
        self.0.has_members(topic)
    }
}

impl fmt::Debug for PeerMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerMount").finish_non_exhaustive()
    }
}

/// What a mount does for other nodes. See [`PeerMount`].
pub(crate) trait Owner: Send + Sync + 'static {
    fn answer(&self, head: RelayHead, body: PeerBody) -> PeerFuture<'static, Response<PeerBody>>;

    fn lose(&self, session: SessionKey);

    fn deliver(&self, publication: &Publication);

    fn has_members(&self, topic: &str) -> bool;
}
