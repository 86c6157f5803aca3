//! A [SockJS](https://github.com/sockjs/sockjs-protocol) server as a tower layer for axum.

mod body;
mod config;
mod driver;
mod endpoint;
mod error;
mod future;
mod handler;
mod header;
mod layer;
mod opening;
mod page;
mod registry;
mod reject;
mod route;
mod service;
mod session;
mod task;
mod transport;
mod waker_set;

pub use body::ResponseBody;
pub use config::{BaseUrl, CookieFn, JSessionId};
pub use error::SendError;
pub use future::ResponseFuture;
pub use handler::SessionHandler;
pub use layer::SockJsLayer;
pub use service::{NotFound, SockJs};
pub use session::{Receiver, Sender, Session};
pub use sockjs_core::{Cause, CloseReason, Ending, Message, SessionState, Transport, TrySendError};
