use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use sockjs_axum::peers::SessionKey;

use super::future::StoreFuture;

/// Which node owns a session.
///
/// An entry ends by itself when its lease is over. No entry is ever taken from a node whose lease runs.
///
/// A call whose connection breaks is made again, for 3 s in all. Then it ends with [`Unavailable`](super::Unavailable). A call
/// that ends so may or may not have had its effect, and the same holds when its future is dropped.
///
/// # A store that has lost its entries
///
/// A store may restart empty. Then nobody can tell from a missing entry that a session is new. So
/// [`claim`](Self::claim) and [`find`](Self::find) wait for [`SETTLING`], beyond the 3 s if need be, while
/// every owner, told by [`emptied`](Self::emptied), renews all its entries. [`renew`](Self::renew) and
/// [`release`](Self::release) never wait for that. An implementation sees to it before it sends the first
/// command to the store that has restarted.
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// Enters `owner` for a session, unless there is an entry. At most one of many callers gets
    /// [`Claimed::New`].
    ///
    /// A caller may get [`Claimed::Taken`] with its own entry: from an earlier claim, or because this
    /// claim was made twice after its connection broke.
    fn claim<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed>;

    /// Returns the entry of a session.
    fn find(&self, session: SessionKey) -> StoreFuture<'_, Option<Entry>>;

    /// Renews the leases of `owner` for sessions, and says for each session what was found, in the order
    /// of `sessions`. An entry that was missing is written anew.
    fn renew<'a>(
        &'a self,
        sessions: &'a [SessionKey],
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Vec<Renewal>>;

    /// Sets the lease of `owner` for a session to `remembered`, or removes the entry if that is zero.
    /// Does nothing to the entry of another node, and makes no entry.
    fn release<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        remembered: Duration,
    ) -> StoreFuture<'a, ()>;

    /// Waits until the store was found empty more often than `seen` times, and returns how often.
    ///
    /// An owner then renews all its entries at once, in time before [`SETTLING`] is over. It starts with
    /// 0 and passes what the last call returned, so that nothing is missed between two calls. The first
    /// connection to a store that nobody has used yet counts, too.
    fn emptied(&self, seen: u64) -> Pin<Box<dyn Future<Output = u64> + Send + '_>>;

    /// Returns whether the store was reached when it was last tried.
    fn is_connected(&self) -> bool;
}

/// What the directory says of the owner of a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Entry {
    /// The version of the protocol between nodes that the owner speaks.
    pub version: u8,
    /// The owner.
    pub node: NodeId,
    /// Where the owner takes relayed requests.
    pub addr: SocketAddr,
}

/// The name of a node: random bits that the node makes when it starts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct NodeId(
    /// The bits.
    pub [u8; 16],
);

/// The outcome of a [claim](Directory::claim).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claimed {
    /// The session had no entry, and has the caller's.
    New,
    /// The session has that entry already. It may be the caller's own.
    Taken(Entry),
}

/// The outcome of the [renewal](Directory::renew) of one lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewal {
    /// The lease is renewed.
    Renewed,
    /// The entry was missing, and is written anew.
    Restored,
    /// The session has the entry of another node, or a value that no node writes.
    Taken,
}

/// For how long claims and look-ups wait after the store was found empty.
pub const SETTLING: Duration = Duration::from_millis(1500);
