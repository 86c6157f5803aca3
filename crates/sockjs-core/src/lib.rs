//! The server side of [SockJS](https://github.com/sockjs/sockjs-protocol) 0.3.3 as a state machine
//! without I/O.
//!
//! SockJS gives a web page an object that behaves like a WebSocket. The connection is a WebSocket
//! where the network allows it, and HTTP streaming or polling elsewhere. This crate implements the
//! protocol in plain values: it opens no socket, reads no clock, spawns no task and uses no HTTP
//! types. A *driver* supplies the sockets and the time. `sockjs-axum` is a driver for axum; this
//! crate can be the base of a driver for another server.
//!
//! - [`Session`] is the state machine. The driver tells it what the client, the clock and the
//!   application did. The session returns frames for the client, events for the application, and
//!   the time of the next deadline.
//! - [`ResponseEncoder`] encodes the [`Frame`]s of a session as the body of an HTTP response, for
//!   each HTTP transport.
//! - [`Payload`] validates what a client posted, and yields the [`Message`]s in it.
//! - [`Route`] is the URL table: it finds the [`Endpoint`] and the ids in a path. [`GREETING`], [`Info`]
//!   and [`IframePage`] are the pages, and a [`Refusal`] is the answer to a request that is refused.
//!
//! # Example: drive a session by hand
//!
//! A polling client opens a session, sends a message, and receives its echo.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use sockjs_core::{Cause, CloseReason, Event, Payload, ResponseEncoder, Session, SessionConfig};
//!
//! /// Answers one poll with the next frame; `None` if there is no frame yet.
//! fn poll(session: &mut Session, now: Instant) -> Option<Vec<u8>> {
//!     let mut encoder = ResponseEncoder::xhr();
//!     let frame = session.poll_frame(now)?;
//!     let body = encoder.encode(&frame);
//!     session.handle_flushed(now);
//!     if encoder.is_complete() {
//!         session.detach(now);
//!     }
//!     Some(body)
//! }
//!
//! let mut now = Instant::now();
//! let mut session = Session::new(now, SessionConfig::default());
//!
//! // POST /echo/000/abc/xhr
//! session.attach(now)?;
//! assert_eq!(poll(&mut session, now).as_deref(), Some(&b"o\n"[..]));
//!
//! // POST /echo/000/abc/xhr_send
//! session.handle_payload(Payload::parse(r#"["hello"]"#, 1024)?)?;
//!
//! // The application echoes each message.
//! while let Some(event) = session.poll_event() {
//!     if let Event::Message(message) = event {
//!         session.send(now, message)?;
//!     }
//! }
//!
//! // POST /echo/000/abc/xhr
//! session.attach(now)?;
//! assert_eq!(poll(&mut session, now).as_deref(), Some(&b"a[\"hello\"]\n"[..]));
//!
//! // The client does not poll again, so the session ends five seconds later.
//! assert_eq!(session.poll_timeout(), Some(now + Duration::from_secs(5)));
//! now += Duration::from_secs(5);
//! session.handle_timeout(now);
//! let Some(Event::Closed(ending)) = session.poll_event() else { panic!("still open") };
//! assert_eq!(ending.cause(), Cause::DisconnectTimeout);
//! assert_eq!(*ending.reason(), CloseReason::INTERRUPTED);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// A new variant or field must not break other crates. Each exception gives its reason.
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod session;

mod event;
mod frame;
mod message;

mod close;

mod payload;

mod transport;

mod route;

mod page;

mod refusal;

mod quote;
mod unquote;

mod dense;
mod plain;

mod config;

pub use close::CloseReason;
pub use config::SessionConfig;
pub use event::{Cause, Ending, Event};
pub use frame::Frame;
pub use message::{JsonError, Message};
pub use page::{GREETING, IframePage, Info};
pub use payload::{Payload, PayloadError};
pub use quote::quote;
pub use refusal::Refusal;
pub use route::{Endpoint, Route, encode_prefix};
pub use session::{AttachError, Batch, ReceiveError, SendError, Session, SessionState};
pub use transport::{
    Callback, CallbackError, FormDecoder, ResponseEncoder, Transport, form_payload,
};
