//! WebSocket with SockJS frames. Tests with a paused clock run in memory, the others over real
//! sockets.

mod broken;
mod endings;
mod frames;
mod handlers;
mod handshake;
mod heartbeat;
mod limits;
mod pings;
mod protocols;
mod sessions;

use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Server, WebSocket, ending};

/// The session id in a WebSocket's URL is ignored, so that all tests use one path.
pub(crate) const PATH: &str = "/echo/000/abc/websocket";

/// Opens a WebSocket to an echo server, up to the open frame.
async fn open_echo(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, WebSocket) {
    let server = Server::echo(configure).await;
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;
    (server, socket)
}

/// Opens a WebSocket whose session the test holds, up to the open frame.
async fn open(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, WebSocket, Session) {
    let (server, mut sessions) = Server::capture(configure).await;
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;
    let session = sessions.next().await;
    (server, socket, session)
}

/// Asserts how a session ended: its cause, and what the client said or was told.
pub(crate) async fn assert_ended(session: &Session, cause: Cause, code: u16, reason: &str) {
    let ending = ending(session).await;
    let told = (ending.reason().code(), ending.reason().reason());
    assert_eq!((ending.cause(), told), (cause, (code, reason)));
}
