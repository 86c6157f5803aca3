//! WebSocket with SockJS frames. What a paused clock can show runs through memory, the rest over
//! real sockets.

mod broken;
mod endings;
mod frames;
mod handlers;
mod handshake;
mod heartbeat;
mod limits;
mod sessions;

use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Server, WebSocket, ending};

/// A session id in a WebSocket's URL means nothing, so that one will do for all.
pub(crate) const PATH: &str = "/echo/000/abc/websocket";

/// Opens a WebSocket to an echo server, up to the open frame.
async fn open_echo(configure: impl FnOnce(SockJsLayer) -> SockJsLayer) -> (Server, WebSocket) {
    let server = Server::echo(configure).await;
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;
    (server, socket)
}

/// Opens a WebSocket whose session the test holds, up to the open frame.
async fn open(configure: impl FnOnce(SockJsLayer) -> SockJsLayer) -> (Server, WebSocket, Session) {
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
