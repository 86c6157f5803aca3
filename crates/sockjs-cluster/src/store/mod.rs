//! What the nodes share: a directory of sessions, and topics.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use sockjs_axum::peers::SessionKey;

/// A boxed future, as the traits of this module return it.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// Which node owns a session.
///
/// An entry ends by itself when its lease is over. No entry is ever taken from a node whose lease runs.
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// Enters `owner` for a session, unless there is an entry. At most one of many callers gets
    /// [`Claimed::New`].
    fn claim<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed>;

    /// Returns the entry of a session.
    fn find(&self, session: SessionKey) -> StoreFuture<'_, Option<Entry>>;

    /// Renews the leases of `owner` for sessions, and says for each session what was found. An entry
    /// that was missing is written anew.
    fn renew<'a>(
        &'a self,
        sessions: &'a [SessionKey],
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Vec<Renewal>>;

    /// Shortens the lease of `owner` for a session to `remembered`, or removes the entry if that is zero.
    /// Does nothing to the entry of another node.
    fn release<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        remembered: Duration,
    ) -> StoreFuture<'a, ()>;
}

/// Messages to all nodes that subscribe to a channel. Each message arrives at most once; those that one
/// node publishes arrive in their order.
pub trait Topics: fmt::Debug + Send + Sync + 'static {
    /// Sends a message to all subscribers, those of this node included.
    fn publish<'a>(&'a self, channel: &'a [u8], message: Bytes) -> StoreFuture<'a, ()>;

    /// Subscribes to a channel, also after the connection was lost and is there again. It takes effect
    /// soon.
    fn subscribe(&self, channel: &[u8]);

    /// Ends a subscription. It takes effect soon; until then messages may still arrive.
    fn unsubscribe(&self, channel: &[u8]);

    /// Waits for the next message of any subscribed channel: the channel and the message. Ends with
    /// `Unavailable` each time when messages may have been lost; the next call waits on.
    fn recv(&self) -> StoreFuture<'_, (Bytes, Bytes)>;
}

/// The name of a node: random bits that the node makes when it starts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct NodeId(
    /// The bits.
    pub [u8; 16],
);

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
    /// Another node has the session.
    Taken(Entry),
}

/// The store cannot be reached, or does not answer in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the store cannot be reached")]
pub struct Unavailable;
