//! The [SockJS](https://github.com/sockjs/sockjs-protocol) protocol, version 0.3.3, as plain
//! values: no I/O, no clock, no async, no HTTP types.
//!
//! SockJS gives a browser something that behaves like a WebSocket, over WebSocket where that works
//! and over HTTP streaming or polling where it does not. This crate knows what goes over the wire
//! and what has to happen when. A *driver* owns sockets and time; `sockjs-axum` is one, and with
//! this crate another can be written for any server.
//!
//! - [`Session`] is the state machine: told what the client, the clock and the application did, it
//!   says what to send, what the application should hear, and when it wants to be woken.
//! - [`ResponseEncoder`] turns the [`Frame`]s of a session into the bytes of one HTTP response,
//!   for each of the HTTP transports.
//! - [`Payload`] checks what a client posted and hands it out as [`Message`]s.
//!
//! # Example: a session by hand
//!
//! A polling client opens a session, sends a message, and gets it back.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use sockjs_core::{Cause, CloseReason, Event, Payload, ResponseEncoder, Session, SessionConfig};
//!
//! /// Answers one poll: everything the session has for it, or nothing yet.
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
//! // The application echoes what it hears.
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
//! // Nobody asks again, and five seconds later the session is over.
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

mod session;

mod event;
mod frame;
mod message;

mod close;

mod payload;

mod transport;

mod quote;

mod plain;

mod config;

pub use close::CloseReason;
pub use config::SessionConfig;
pub use event::{Cause, Ending, Event};
pub use frame::Frame;
pub use message::{JsonError, Message};
pub use payload::{Payload, PayloadError};
pub use quote::quote;
pub use session::{AttachError, ReceiveError, SendError, Session, SessionState};
pub use transport::{Callback, CallbackError, ResponseEncoder, Transport, form_payload};
