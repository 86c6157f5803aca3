//! A [SockJS](https://github.com/sockjs/sockjs-protocol) server as a tower layer for axum.
//!
//! SockJS gives a browser something that behaves like a WebSocket, over WebSocket where that works
//! and over HTTP streaming or polling where proxies, old networks or policies are in its way. The
//! page uses the JavaScript client [`sockjs-client`](https://github.com/sockjs/sockjs-client); this
//! is the other end. The application sees a [`Session`], whatever the transport.
//!
//! # Example: an echo server
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use sockjs_axum::{Session, SockJsLayer};
//!
//! async fn echo(mut session: Session) {
//!     while let Some(message) = session.recv().await {
//!         if session.send(message).await.is_err() {
//!             break;
//!         }
//!     }
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
//! [`SockJsLayer`] answers everything under its prefix and passes the rest on. It goes onto a
//! router as any layer does, several at several prefixes if wanted; where a router does not reach
//! its layers, [`SockJsLayer::into_service`] makes a service of it. The documentation of
//! [`SockJsLayer`] says when.
//!
//! # Sessions
//!
//! [`SockJsLayer::on_session`] takes an async function of axum extractors and the [`Session`]. It
//! runs once a session, in the session's own task, and returning from it closes the session.
//! [`Session::closed`] says how a session ended: [`Ending`] has the close code and reason, the
//! [`Cause`], and how many messages were not delivered.
//!
//! # Options
//!
//! They are setters on [`SockJsLayer`], with the names and defaults of sockjs-node where it has
//! them. Every buffer is bounded: by [`send_buffer`](SockJsLayer::send_buffer),
//! [`receive_buffer`](SockJsLayer::receive_buffer), [`body_limit`](SockJsLayer::body_limit) and
//! [`message_limit`](SockJsLayer::message_limit).
//!
//! # Cookies are not for authorisation here
//!
//! Any page can embed the iframe page of a SockJS server and send from there, with the user's
//! cookies. So handlers and extractors see neither `Cookie` nor `Authorization`, unless
//! [`allowed_origins`](SockJsLayer::allowed_origins) says which pages may connect. Or send a token
//! in the first message.

mod layer;
mod service;

mod future;

mod body;

mod endpoint;

mod transport;

mod mount;

mod session;

mod http;

mod config;

mod meter;

mod clock;

mod error;

pub use body::ResponseBody;
pub use config::BaseUrl;
pub use error::{SendError, SendJsonError, TrySendError};
pub use future::ResponseFuture;
pub use http::header::{AllowedOrigins, JSessionId, SameSite};
pub use layer::SockJsLayer;
pub use mount::{Broadcast, Shutdown, Slow, SockJsHandle};
pub use service::{NotFound, SockJs};
pub use session::{Receiver, Sender, Session, SessionHandler, SessionRef};
pub use sockjs_core::{Cause, CloseReason, Ending, JsonError, Message, SessionState, Transport};
