//! Scale-out for [`sockjs_axum`]: any node answers any request of a session.
//!
//! SockJS clients without a WebSocket make many HTTP requests, and each of them must reach the process that
//! has their session. With this crate, a load balancer may send each request to any node: a node that does
//! not have the session relays the request to the node that has it. Which node has a session is in a
//! store that all nodes reach, such as Redis. Messages to [topics](sockjs_axum::Topic) and broadcasts
//! reach the sessions of all nodes.

mod cluster;

mod builder;

mod mount;

mod lease;

mod topics;

mod relay;

mod secret;

mod throttle;

mod meter;

mod clock;

mod error;

mod outage;

mod store;

pub use builder::{Builder, ConfigError};
pub use cluster::{Cluster, ClusterMount};
pub use outage::OnOutage;
#[doc(hidden)]
pub use relay::head::fuzz_relay_head;
pub use relay::{BoxedIo, Connect, ConnectFuture, Io, RelayService};
pub use store::{
    Claimed, Directory, Entry, Memory, NodeId, Renewal, SETTLING, Store, StoreFuture, Topics,
    Unavailable,
};
#[cfg(feature = "redis")]
pub use store::{ConnectError, Redis};
