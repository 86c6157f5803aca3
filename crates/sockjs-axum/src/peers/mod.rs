//! The seam between a mount and the other nodes of its cluster.
//!
//! The crate `sockjs-cluster` implements it. An application needs nothing of this module: it passes
//! what that crate makes to [`SockJsLayer::peers`](crate::SockJsLayer::peers).
//!
//! The first receive request of a session opens the session on the node that gets the request. From
//! then on, that node *owns* the session. A request that another node gets is *relayed* to the owner,
//! which answers it with its own code. A mount asks its [`Peers`] only for sessions that it does not
//! know itself. WebSockets never leave the node that has their connection.

mod message;
mod owner;
mod relay;

pub use self::message::{NotPublished, Publication};
pub(crate) use self::owner::Owner;
pub use self::owner::PeerMount;
pub(crate) use self::relay::{Part, relay_body};
pub use self::relay::{
    Peer, PeerBody, PeerError, RelayBody, RelayEnded, RelayHead, RelayRequest, SessionKey,
};

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A boxed future, as the traits of this module return it.
pub type PeerFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The other nodes of a cluster, as one mount sees them.
///
/// All nodes have the mount with the same options.
///
/// # Cancel safety
///
/// Each future may be dropped at any time. A mount that drops the future of [`claim`](Self::claim)
/// calls [`abandoned`](Self::abandoned) afterwards.
pub trait Peers: fmt::Debug + Send + Sync + 'static {
    /// Returns the secret of the mount's digests. All nodes have the same secret for the same mount, and
    /// nobody else knows it.
    ///
    /// The keys of sessions and the keys of [`bind_session`](crate::SockJsLayer::bind_session) are
    /// compared between nodes as digests (SipHash) with that secret.
    fn digest_secret(&self) -> [u8; 16];

    /// Takes the mount, which answers what other nodes ask of it. A later mount replaces an earlier one.
    ///
    /// It is called when a layer makes its first service.
    fn mounted(&self, mount: PeerMount);

    /// Claims a session for this node. At most one node has the claim for a session.
    ///
    /// Each call that returns [`Claim::Ours`] is followed by exactly one call of
    /// [`opened`](Self::opened) or [`abandoned`](Self::abandoned). Several requests of this node may claim
    /// the same session at the same time; all of them get [`Claim::Ours`], and one of them opens it.
    fn claim(&self, session: SessionKey) -> PeerFuture<'_, Claim>;

    /// Keeps the claim for a session, because the session is open, until [`ended`](Self::ended).
    fn opened(&self, session: SessionKey);

    /// Gives a claim up, because the request that made it opened no session. The claim stays if another
    /// request of this node has it or has opened the session.
    fn abandoned(&self, session: SessionKey);

    /// Lets the claim end `remembered` after this call, because the session is over. For that time the
    /// mount tells late requests how the session ended.
    fn ended(&self, session: SessionKey, remembered: Duration);

    /// Finds the node that owns a session.
    fn find(&self, session: SessionKey) -> PeerFuture<'_, Found>;

    /// Sends a message to the mounts of all other nodes, at most once.
    ///
    /// # Errors
    ///
    /// If it is certain that the other nodes do not get the message.
    fn publish(&self, publication: Publication) -> PeerFuture<'_, Result<(), NotPublished>>;

    /// Takes note that a topic has got its first member on this node, or lost its last one. Ask
    /// [`PeerMount::has_members`] which it is, because calls may come in another order than the changes.
    ///
    /// It must neither block nor panic.
    fn topic_changed(&self, topic: &Arc<str>);
}

/// The answer to a [claim](Peers::claim).
#[derive(Clone)]
#[non_exhaustive]
pub enum Claim {
    /// The session belongs to this node: it was new, or another request of this node has claimed it.
    Ours,
    /// Another node owns the session.
    Peer(Arc<dyn Peer>),
    /// The session is over, or its owner is dead. It must not be opened again.
    Lost,
    /// Nobody can tell now, because the directory is away.
    Unavailable,
}

/// The answer to a [look-up](Peers::find).
#[derive(Clone)]
#[non_exhaustive]
pub enum Found {
    /// Another node owns the session.
    Peer(Arc<dyn Peer>),
    /// No other node owns the session, or its owner is dead.
    Nobody,
    /// Nobody can tell now, because the directory is away.
    Unavailable,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "Ours",
            Self::Peer(_) => "Peer",
            Self::Lost => "Lost",
            Self::Unavailable => "Unavailable",
        })
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer(_) => "Peer",
            Self::Nobody => "Nobody",
            Self::Unavailable => "Unavailable",
        })
    }
}
