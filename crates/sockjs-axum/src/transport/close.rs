use std::future::poll_fn;
use std::task::Context;
use std::time::Duration;

use sockjs_core::CloseReason;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use super::protocol::Received;
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
    pub(super) async fn perform(self, socket: &mut Socket) {
        // A client that does not close its end in time loses nothing that it could still use.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.exchange(socket)).await;
    }

    async fn exchange(self, socket: &mut Socket) {
        let mut closed = matches!(self, Self::Answer);
        match self {
            Self::Skip => return,
            Self::Answer => {}
            Self::Start(reason) => {
                if socket.close(close_frame(&reason)).is_err() {
                    return;
                }
                if poll_fn(|cx| socket.poll_flush(cx)).await.is_err() {
                    return;
                }
            }
        }
        let mut next_message = |cx: &mut Context<'_>| {
            // For this run alone, because the connections of a thread share a buffer.
            let mut input = socket.input();
            let message = socket.poll_message(cx, &mut input);
            socket.keep(input);
            message
        };
        while let Some(Ok(message)) = poll_fn(&mut next_message).await {
            closed |= matches!(message, Received::Other(Message::Close(_)));
        }
        // The answer to the client's close frame, too, has to be flushed.
        let flushed = poll_fn(|cx| socket.poll_flush_buffer(cx)).await;
        if closed || flushed.is_err() {
            return;
        }
        // The bytes after a refused message are not WebSocket frames any more, so they are read as
        // plain bytes. Nothing can be done if that fails.
        let _ = socket.drain().await;
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
