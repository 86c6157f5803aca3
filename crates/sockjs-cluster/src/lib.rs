//! Scale-out for [`sockjs_axum`]: any node answers any request of a session.
//!
//! SockJS clients without a WebSocket make many HTTP requests, and each of them must reach the process that
//! has their session. With this crate, a load balancer may send each request to any node: a node that does
//! not have the session relays the request to the node that has it. Which node has a session is in a
//! store that all nodes reach, such as Redis. Messages to [topics](sockjs_axum::Topic) and broadcasts
//! reach the sessions of all nodes.
//!
//! # Example: a node
//!
//! ```no_run
//! use std::error::Error;
//!
//! use axum::Router;
//! use sockjs_axum::SockJsLayer;
//! use sockjs_cluster::{Cluster, Memory};
//! use tokio::net::TcpListener;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     // The other nodes connect here, and clients do not.
//!     let peers = TcpListener::bind("10.0.0.1:7000").await?;
//!     let cluster = Cluster::builder("32 bytes of a random generator..")
//!         .namespace("chat")
//!         .advertise(peers.local_addr()?)
//!         // With the feature `redis`: `Redis::connect("redis://10.0.0.9").await?`.
//!         .join(Memory::new())
//!         .await?;
//!     tokio::spawn(cluster.serve(peers));
//!
//!     let layer = SockJsLayer::echo("/echo").peers(cluster.mount("echo"));
//!     let handle = layer.handle();
//!     let app = Router::new().layer(layer);
//!     let listener = TcpListener::bind("0.0.0.0:3000").await?;
//!     axum::serve(listener, app).await?;
//!
//!     // After the mounts were shut down.
//!     handle.shutdown(std::time::Duration::from_secs(10)).await;
//!     cluster.leave().await;
//!     Ok(())
//! }
//! ```

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
pub use relay::fuzz_relay_head;
pub use relay::{BoxedIo, Connect, ConnectFuture, Io, RelayService};
pub use store::{
    Claimed, Directory, Entry, Memory, NodeId, Renewal, SETTLING, Store, StoreFuture, Topics,
    Unavailable,
};
#[cfg(feature = "redis")]
pub use store::{ConnectError, Redis};
