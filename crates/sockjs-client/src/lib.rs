//! A [SockJS](https://github.com/sockjs/sockjs-protocol) client for tokio, over sockets or over a tower
//! service in memory.
//!
//! [`Client::connect`] connects to a server, [`Client::over`] to a service in the same process.
//! [`Client::builder`] and [`Client::over`] return a [`Builder`] with options: transports, headers,
//! cookies, timeouts and limits.
//!
//! # Example: test a handler over every transport
//!
//! ```
//! use axum::Router;
//! use sockjs_axum::{Session, SockJsLayer};
//! use sockjs_client::Client;
//!
//! async fn shout(mut session: Session) {
//!     while let Some(message) = session.recv().await {
//!         session.send(message.to_uppercase()).await.ok();
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = Router::new().layer(SockJsLayer::new("/shout").on_session(shout));
//! for transport in Client::TRANSPORTS {
//!     let client = Client::over(app.clone(), "/shout").transport(transport);
//!     let mut client = client.connect().await?;
//!     client.send("hello").await?;
//!     assert_eq!(client.recv().await.as_deref(), Some("HELLO"));
//!     assert_eq!(client.close().await.code(), 1000);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Transports
//!
//! Like the JavaScript client, the client requests `/info` first. It skips websocket if the server has
//! none, and measures how long a round trip takes. Then it tries websocket, xhr-streaming and
//! xhr-polling, until one of them opens a session. [`Builder::transport`] and
//! [`Builder::transports`] name others. A server that closes the session before it is open ends the
//! search.
//!
//! All transports run over HTTP/1.1. An HTTP transport has two connections, one for each direction, and
//! reuses them.
//!
//! # Delivery
//!
//! Messages arrive in the order in which they were sent, in both directions. HTTP transports send one
//! request at a time, with all messages that are queued, up to 64 KiB. A message that cannot be
//! delivered closes the session with 1006, and is not sent again, because the server may have received
//! it. There is no reconnection: a new client is a new session.
//!
//! # Base URL
//!
//! If `/info` has a `base_url`, the session is opened there, as in the JavaScript client: another URL, or
//! another path of the same server. Headers of [`Builder::header`] go there, too. Cookies do not. A
//! `base_url` that would turn encryption off is an error. A client over a service uses the path only.
//!
//! # Memory and time
//!
//! Both queues are bounded ([`Builder::send_buffer`], [`Builder::receive_buffer`]), and so is a frame
//! ([`Builder::frame_limit`]). A client whose application does not receive stops reading, so that the
//! server has to wait. A server gives up a client that does not read for too long: `sockjs-axum` after 30
//! seconds, or 10 seconds after a heartbeat over a WebSocket.
//!
//! Connecting is limited by [`Builder::connect_timeout`], and the silence of the server by
//! [`Builder::heartbeat_timeout`].
//!
//! # Features
//!
//! - `tls`: connects to `https` and `wss` URLs, with rustls. Off by default.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::exhaustive_enums)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod client;

mod builder;

mod connect;

mod info;

mod session;

mod driver;

mod transport;

mod frame;

mod framing;

mod queue;

mod http;

mod cookies;

mod connector;

mod memory;

#[cfg(feature = "tls")]
mod tls;

mod task;

mod url;

mod error;

pub use builder::Builder;
pub use client::Client;
pub use error::{ConnectError, SendError, TransportError};
pub use session::{Receiver, Sender};
pub use sockjs_core::{CloseReason, JsonError, Message, Transport};
