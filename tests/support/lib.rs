//! What the integration tests lean on: a real server on a port of its own, an HTTP/1 client that
//! shows every byte, and sessions handed to the test.
//!
//! Nothing here interprets what the server says more than a test asked for. A test that waits, waits
//! for an event; [`within`] ends it with a text when the event does not come.

mod checks;
mod client;
mod clock;
mod connection;
mod direct;
mod frame;
mod frozen;
mod headers;
mod http2;
mod limit;
mod memory;
mod nodes;
mod opening;
mod peer;
mod receiver;
#[path = "../../crates/sockjs-cluster/tests/support/redis_server.rs"]
mod redis_server;
mod request;
mod response;
mod server;
mod sessions;
mod websocket;
mod wire;

pub use crate::{
    checks::{assert_cached_for_a_year, assert_cors, assert_not_cached},
    client::{Client, until},
    clock::Clock,
    connection::Connection,
    direct::{Direct, next_piece, timed},
    frame::{Frame, Opcode},
    frozen::Frozen,
    headers::Headers,
    http2::{Http2, Http2Body, Http2Stream},
    limit::{LIMIT, PATIENCE, within},
    memory::{connect_in_memory, websocket_in_memory},
    nodes::{Call, Nodes},
    opening::Opening,
    peer::{Peer, unique_path},
    receiver::Receiver,
    redis_server::RedisServer,
    request::{Pending, Request},
    response::Response,
    server::Server,
    sessions::{Sessions, ending, received},
    websocket::{Handshake, WebSocket},
    wire::Wire,
};
