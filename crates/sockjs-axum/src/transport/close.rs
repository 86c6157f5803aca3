use std::time::Duration;

use futures_util::StreamExt;
use sockjs_core::CloseReason;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::socket::Socket;

/// How to take leave of a client whose session is over.
#[derive(Debug)]
pub(super) enum Farewell {
    /// The connection is of no use any more.
    Silent,
    /// The client closed, and has yet to be answered.
    Reply,
    /// Send a WebSocket close frame.
    Close(CloseReason),
}

impl Farewell {
    /// Ends the connection as the protocol wants it, and waits for the client to do so, too: were
    /// it just dropped with input unread, the client might never see the close frame.
    pub(super) async fn take(self, socket: &mut WebSocketStream<Socket>) {
        // A client that does not end its side in time has had its chance.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.exchange(socket)).await;
    }

    async fn exchange(self, socket: &mut WebSocketStream<Socket>) {
        let mut closed = matches!(self, Self::Reply);
        match self {
            Self::Silent => return,
            Self::Reply => {}
            Self::Close(reason) => {
                if socket.close(Some(close_frame(&reason))).await.is_err() {
                    return;
                }
            }
        }
        while let Some(Ok(message)) = socket.next().await {
            closed |= message.is_close();
        }
        if closed {
            return;
        }
        // What follows a message that was refused cannot be read as WebSocket frames any more.
        let io = socket.get_mut();
        if io.shutdown().await.is_ok() {
            let _ = tokio::io::copy(io, &mut tokio::io::sink()).await;
        }
    }
}

/// Puts a reason into a WebSocket close frame, as far as RFC 6455 §7.4 lets a server.
fn close_frame(reason: &CloseReason) -> CloseFrame {
    let code = match reason.code() {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => code,
        _ => 1000,
    };
    let mut text = reason.reason();
    while text.len() > MAX_CLOSE_TEXT {
        let last = text
            .char_indices()
            .next_back()
            .map_or(0, |(index, _)| index);
        text = &text[..last];
    }
    CloseFrame {
        code: CloseCode::from(code),
        reason: text.into(),
    }
}

/// A control frame has at most 125 bytes, two of which are the code.
const MAX_CLOSE_TEXT: usize = 123;

/// How long a client may take to close its end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
