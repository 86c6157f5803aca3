use axum::Router;
use sockjs_axum::{Session, SockJsHandle, SockJsLayer, Transport};

use crate::{Client, Clock, Server, Sessions};

/// A mount at `/echo` with default options, whose sessions the test holds, with a handle to them and
/// a clock that stands still.
#[derive(Debug)]
pub struct Frozen {
    /// What moves time.
    pub clock: Clock,
    /// The server that has the mount.
    pub server: Server,
    /// The handle to all sessions of the mount.
    pub handle: SockJsHandle,
    /// The sessions that clients opened.
    pub sessions: Sessions,
}

impl Frozen {
    /// Stops the clock and starts the server.
    pub async fn start() -> Self {
        let clock = Clock::freeze();
        let (layer, sessions) = Sessions::capture(SockJsLayer::new("/echo"));
        Self {
            clock,
            handle: layer.handle(),
            server: Server::start(Router::new().layer(layer)).await,
            sessions,
        }
    }

    /// Opens a session, and returns both ends of it.
    pub async fn open(&mut self, transport: Transport) -> (Client, Session) {
        let client = Client::open(self.server.addr(), "/echo", transport).await;
        (client, self.sessions.next().await)
    }
}
