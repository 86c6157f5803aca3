//! A [SockJS](https://github.com/sockjs/sockjs-protocol) server as a tower layer for axum.
//!
//! SockJS gives a browser an object that behaves like a WebSocket. It uses a WebSocket where that
//! works, and HTTP streaming or polling where proxies, old networks or policies break WebSockets. The
//! page uses the JavaScript client [`sockjs-client`](https://github.com/sockjs/sockjs-client), and this
//! crate is its server. The application sees a [`Session`], whatever transport the client uses.
//!
//! # Example: an echo server
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use sockjs_axum::{SendError, Session, SockJsLayer};
//!
//! async fn echo(mut session: Session) -> Result<(), SendError> {
//!     while let Some(message) = session.recv().await {
//!         session.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let app = Router::new()
//!         .route("/", get(|| async { "new SockJS('/echo')" }))
//!         .layer(SockJsLayer::new("/echo").on_session(echo));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await
//! }
//! ```
//!
//! # Mounting
//!
//! [`SockJsLayer`] answers every request under its prefix, and passes all other requests on. It is
//! applied to a router like any other layer. A router may have several, at different prefixes. Where a
//! router does not reach its layers, [`SockJsLayer::into_service`] makes a service; the documentation
//! of [`SockJsLayer`] lists these cases.
//!
//! # Sessions
//!
//! [`SockJsLayer::on_session`] takes an async function of axum extractors and the [`Session`]. The
//! function runs once for each session, in the session's own task. The session closes when the function
//! returns, unless it moved the [`Session`] or its [`Receiver`] to another task. It returns `()` or a
//! `Result`: an error is logged, and closes the session with 1011. [`Session::closed`] reports how the
//! session ended: an [`Ending`] contains the close code and reason, the [`Cause`], and the number of
//! messages that were not delivered.
//!
//! # Topics and values
//!
//! A session [joins](Session::join) topics by their names, such as rooms. A message to a [`Topic`] reaches
//! all sessions that are in it. [`Session::topic`] and [`SockJsHandle::topic`] make a `Topic`. A session
//! also [keeps](Session::insert) values of the application's own types, which the filters of
//! [`SockJsHandle::broadcast_to`] see. [`Sender`], [`Receiver`] and [`SessionRef`] have these methods too.
//!
//! # Options
//!
//! Options are setters on [`SockJsLayer`]. They have the names and defaults of sockjs-node where
//! sockjs-node has them. Every buffer has a limit: [`send_buffer`](SockJsLayer::send_buffer),
//! [`receive_buffer`](SockJsLayer::receive_buffer), [`body_limit`](SockJsLayer::body_limit) and
//! [`message_limit`](SockJsLayer::message_limit).
//!
//! # Cookies do not authorise a session
//!
//! Any page can embed the iframe page of a SockJS server, and send from there with the user's cookies.
//! Therefore handlers and extractors see neither `Cookie` nor `Authorization`, unless
//! [`allowed_origins`](SockJsLayer::allowed_origins) lists the pages that may connect. The other way
//! is a token in the first message.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::exhaustive_enums)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod layer;
mod service;

mod future;

mod body;

mod endpoint;

mod owner;

mod transport;

mod mount;

mod session;

mod http;

mod config;

mod meter;

mod throttle;

mod topics;

pub mod peers;

mod slow_policy;

mod clock;

mod sync;

mod panics;

mod error;

pub use body::ResponseBody;
pub use config::BaseUrl;
pub use error::{JoinError, SendError, SendJsonError, TrySendError};
pub use future::ResponseFuture;
pub use http::header::{AllowedOrigins, InvalidOrigin, JSessionId, SameSite};
pub use layer::SockJsLayer;
pub use mount::{BroadcastOutcome, ShutdownOutcome, SockJsHandle, Topic};
pub use service::{NotFound, SockJs};
pub use session::{BindingKey, KeyWriter, Receiver, Sender, Session, SessionHandler, SessionRef};
pub use slow_policy::SlowPolicy;
pub use sockjs_core::{Cause, CloseReason, Ending, JsonError, Message, SessionState, Transport};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use transport::fuzz_websocket;
