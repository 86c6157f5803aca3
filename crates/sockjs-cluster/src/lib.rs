//! Scale-out for [`sockjs_axum`]: any node answers any request of a session.
//!
//! SockJS clients without a WebSocket make many HTTP requests, and each of them must reach the process that
//! has their session. With this crate, a load balancer may send each request to any node: a node that does
//! not have the session relays the request to the node that has it. Which node has a session is in a
//! store that all nodes reach, such as Redis. Messages to [topics](sockjs_axum::Topic) and broadcasts
//! reach the sessions of all nodes.
//!
//! # Example: two nodes, and a load balancer without affinity
//!
//! The whole cluster is in one process here, and the store in its memory:
//!
//! ```
//! use std::error::Error;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! use axum::Router;
//! use sockjs_axum::{SockJsLayer, Transport};
//! use sockjs_client::Client;
//! use sockjs_cluster::{Cluster, Memory};
//! use tokio::net::TcpListener;
//! use tower::ServiceExt;
//!
//! async fn node(store: Memory) -> Result<Router, Box<dyn Error>> {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let cluster = Cluster::builder("a secret that all nodes share")
//!         .advertise(listener.local_addr()?)
//!         .join(store)
//!         .await?;
//!     // Other nodes reach this one here.
//!     tokio::spawn(cluster.serve(listener));
//!     let sockjs = SockJsLayer::echo("/echo").peers(cluster.mount("echo"));
//!     Ok(Router::new().layer(sockjs))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let store = Memory::new();
//!     let nodes = [node(store.clone()).await?, node(store).await?];
//!
//!     let turn = Arc::new(AtomicUsize::new(0));
//!     let next = turn.clone();
//!     let balancer = tower::service_fn(move |request| {
//!         let turn = next.fetch_add(1, Ordering::Relaxed);
//!         nodes[turn % nodes.len()].clone().oneshot(request)
//!     });
//!
//!     let client = Client::over(balancer, "/echo").transport(Transport::Xhr);
//!     let mut client = client.connect().await?;
//!     for text in ["one", "two", "three"] {
//!         client.send(text).await?;
//!         assert_eq!(client.recv().await.as_deref(), Some(text));
//!     }
//!     // Both nodes have answered requests, and the session was opened once.
//!     assert!(turn.load(Ordering::Relaxed) > 5);
//!     Ok(())
//! }
//! ```
//!
//! # Set-up
//!
//! A node of a real cluster keeps its secret and its addresses in its configuration, and leaves in order:
//!
//! ```no_run
//! use std::env;
//! use std::error::Error;
//! use std::time::Duration;
//!
//! use axum::Router;
//! use sockjs_axum::SockJsLayer;
//! use sockjs_cluster::{Cluster, Redis};
//! use tokio::net::TcpListener;
//!
//! # #[cfg(feature = "redis")]
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let cluster = Cluster::builder(env::var("CLUSTER_SECRET")?)
//!         .namespace("chat")
//!         // Where the other nodes reach this one, such as 10.0.0.7:4000.
//!         .advertise(env::var("ADVERTISE")?.parse()?)
//!         .join(Redis::connect("redis://redis.internal").await?)
//!         .await?;
//!     // Not the address that listens to clients.
//!     let internal = TcpListener::bind("0.0.0.0:4000").await?;
//!     let relayed = tokio::spawn(cluster.serve(internal));
//!
//!     let sockjs = SockJsLayer::echo("/echo").peers(cluster.mount("echo"));
//!     let handle = sockjs.handle();
//!     let app = Router::new().layer(sockjs);
//!     let listener = TcpListener::bind("0.0.0.0:3000").await?;
//!     axum::serve(listener, app)
//!         .with_graceful_shutdown(async move {
//!             // The health check of the load balancer fails from now on, too.
//!             let _ = tokio::signal::ctrl_c().await;
//!             handle.drain(Duration::from_secs(60)).await;
//!             handle.shutdown(Duration::from_secs(10)).await;
//!         })
//!         .await?;
//!     cluster.leave().await;
//!     relayed.await?;
//!     Ok(())
//! }
//! # #[cfg(not(feature = "redis"))]
//! # fn main() {}
//! ```
//!
//! 1. All nodes have the same secret, the same [`namespace`](Builder::namespace), the same store, and the same
//!    mounts with the same options.
//! 2. Each node has an address of its own, at which the others reach it: [`advertise`](Builder::advertise).
//!    [`Cluster::serve`] answers there. It must not be open to strangers, because nothing is encrypted:
//!    see [`Cluster::serve`] and [`Builder::connect_with`].
//! 3. Each mount has a name in the cluster: [`Cluster::mount`].
//! 4. The clocks of the nodes differ by less than 30 seconds.
//!
//! The load balancer needs no affinity. Affinity saves relays where it is easy to have. WebSockets use
//! neither the store nor the relay.
//!
//! # Leaving
//!
//! In this order: tell the load balancer to send no new clients,
//! [`SockJsHandle::drain`](sockjs_axum::SockJsHandle::drain), which keeps the sessions for a while and leads
//! their clients to the other nodes, [`SockJsHandle::shutdown`](sockjs_axum::SockJsHandle::shutdown), and
//! [`Cluster::leave`].
//!
//! # Changing the secret
//!
//! [`Builder::accept`] says how the secret is changed while nodes run, in three rounds. No session is lost to
//! the change itself.
//!
//! # Errors
//!
//! - [`ConfigError`]: an option of the [`Builder`] is wrong. It names the option.
//! - `ConnectError`: the store of `Redis::connect` cannot be used. It names what is wrong with the URL or the
//!   server.
//! - [`Unavailable`]: the store is away. Only those who call a [`Directory`] or [`Topics`] themselves see it.
//!
//! After the start, nothing fails: while the store or a node is away, the node answers with 503 or a close
//! frame, and goes on when they are back. What happens is in the log and in the metrics.
//!
//! # Stores
//!
//! - `Redis`: Redis or Valkey 7.0 or later. [`Memory`]: a store for tests, and for programs of one process.
//! - A [`Store`] of your own makes a [`Directory`] and [`Topics`]. The documentation of these traits says
//!   what they promise.
//!
//! # Features
//!
//! - `redis`: the store in Redis or Valkey. On by default.
//! - `tls`: connects to `rediss` URLs, with rustls. Off by default.
//! - `metrics`: exports metrics through the facade of the `metrics` crate. Off by default.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(doctest, feature = "redis"))]
#[doc = include_str!("../README.md")]
mod readme {}

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
