use std::time::Duration;

use futures_util::StreamExt;
use sockjs_core::CloseReason;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::socket::Socket;

/// The server's part in the closing handshake of RFC 6455 §7, when a session is over.
#[derive(Debug)]
pub(super) enum ClosingHandshake {
    /// None, because the connection is broken.
    Skip,
    /// Answer the client's close frame.
    Answer,
    /// Send a close frame, and wait for the client's.
    Start(CloseReason),
}

impl ClosingHandshake {
    /// Performs the handshake, and waits until the client closes the connection, but not for long.
    ///
    /// If the connection were dropped while unread input is left, it would be reset, and the client
    /// might never see the close frame.
    pub(super) async fn perform(self, socket: &mut WebSocketStream<Socket>) {
        // A client that does not close its end in time loses nothing that it could still use.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.exchange(socket)).await;
    }

    async fn exchange(self, socket: &mut WebSocketStream<Socket>) {
        let mut closed = matches!(self, Self::Answer);
        match self {
            Self::Skip => return,
            Self::Answer => {}
            Self::Start(reason) => {
                if socket.close(Some(close_frame(&reason))).await.is_err() {
                    return;
                }
            }
        }
        while let Some(Ok(message)) = socket.next().await {
            closed |= message.is_close();
        }
        // tungstenite does not flush its answer to the client's close frame.
        let flushed = socket.get_mut().flush().await;
        if closed || flushed.is_err() {
            return;
        }
        // The bytes after a refused message are not WebSocket frames any more, so they are read as
        // plain bytes.
        let io = socket.get_mut();
        if io.shutdown().await.is_ok() {
            let _ = tokio::io::copy(io, &mut tokio::io::sink()).await;
        }
    }
}

fn close_frame(reason: &CloseReason) -> CloseFrame {
    let (code, text) = reason.for_websocket();
    CloseFrame {
        code: CloseCode::from(code),
        reason: text.into(),
    }
}

/// How long a client may take to close its end of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
