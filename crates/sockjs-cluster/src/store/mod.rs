//! What the nodes share: a directory of sessions, and topics.

mod directory;
mod future;
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "some of it is for Redis")
)]
mod gate;
mod inbox;
mod join;
mod memory;
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "some of it is for Redis")
)]
mod meter;
#[cfg(feature = "redis")]
mod redis;
mod topics;

pub use self::directory::{Claimed, Directory, Entry, NodeId, Renewal, SETTLING};
pub use self::future::{StoreFuture, Unavailable};
pub use self::join::Store;
pub use self::memory::Memory;
#[cfg(feature = "redis")]
pub use self::redis::{ConnectError, Redis};
pub use self::topics::Topics;
