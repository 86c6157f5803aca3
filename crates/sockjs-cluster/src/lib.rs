//! Scale-out for [`sockjs_axum`]: any node answers any request of a session.

mod store;

pub use store::{
    Claimed, Directory, Entry, Memory, NodeId, Renewal, SETTLING, Store, StoreFuture, Topics,
    Unavailable,
};
#[cfg(feature = "redis")]
pub use store::{ConnectError, Redis};
