//! How nodes hand each other the requests of clients: HTTP/2.
//!
//! A relayed request is the request of the client again, see [`head`]. Its response is streamed back, with
//! a signature of the node that answers, see [`reply`].

mod body;
mod connect;
mod desk;
mod fuzz;
pub(crate) mod head;
mod listener;
mod newcomers;
mod node;
mod nodes;
mod reply;
mod watched;
pub(crate) mod window;

use std::time::Duration;

pub(crate) use self::connect::tcp;
pub use self::connect::{BoxedIo, Connect, ConnectFuture, Io};
pub(crate) use self::desk::Desk;
pub use self::desk::RelayService;
#[doc(hidden)]
pub use self::fuzz::fuzz_relay_head;
pub(crate) use self::listener::{serve, serve_connection};
pub(crate) use self::newcomers::Newcomers;
pub(crate) use self::node::Node;
pub(crate) use self::nodes::Nodes;

/// How many streams a connection has at most. Each waiting poll of a client is a stream, so hyper's
/// default of 200 would soon be used up.
const MAX_STREAMS: u32 = 1024;

/// How much of a stream may be under way.
const STREAM_WINDOW: u32 = 16 * 1024;

/// How much of a connection may be under way: all that its streams may have, so that clients that read
/// nothing do not stop the others.
const CONNECTION_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;

/// How large the head of a message may be: the URL, and three headers.
const MAX_HEADERS: u32 = 16 * 1024;

/// How often each end pings the other.
const PING: Duration = Duration::from_secs(2);

/// How long the other end has to answer a ping.
const PONG: Duration = Duration::from_secs(5);

/// How long a connection may be silent. Longer than a ping and its answer.
const SILENCE: Duration = Duration::from_secs(8);
