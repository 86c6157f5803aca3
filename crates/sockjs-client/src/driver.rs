use std::time::Duration;

use sockjs_core::{CloseReason, Message, Payload};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::TransportError;
use crate::error::abnormal;
use crate::frame::Frame;
use crate::queue::{Pusher, Taker};
use crate::transport::{Incoming, Outgoing, finish};

/// What the application wants.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Message),
    /// Close when everything before it is sent.
    Close,
}

/// The work of an open client.
pub(crate) struct Driver {
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
    pub(crate) commands: Taker<Command>,
    pub(crate) received: Pusher<Payload>,
    pub(crate) closed: watch::Sender<Option<CloseReason>>,
}

impl Driver {
    /// Moves messages until the session is closed.
    pub(crate) async fn run(self) {
        let Self {
            mut outgoing,
            mut incoming,
            mut commands,
            received,
            closed,
        } = self;
        let reason = {
            let mut receiving = std::pin::pin!(receive(&mut incoming, &received));
            tokio::select! {
                biased;
                reason = &mut receiving => reason,
                sent = send(&mut outgoing, &mut commands) => match sent {
                    Ok(()) => CloseReason::NORMAL,
                    // The server closes a session before it refuses what is sent to it, and its
                    // close frame says more.
                    Err(error) => timeout(LAST_WORDS, receiving)
                        .await
                        .unwrap_or_else(|_| error.into_reason()),
                },
            }
        };
        closed.send_replace(Some(reason));
        drop(received);
        drop(commands);
        timeout(CLOSING_HANDSHAKE, finish(outgoing, incoming))
            .await
            .ok();
    }
}

/// Receives frames until the session is closed, and waits while the application does not take them.
async fn receive(incoming: &mut Incoming, received: &Pusher<Payload>) -> CloseReason {
    loop {
        match incoming.next().await {
            Ok(Frame::Messages(messages)) => {
                if !messages.is_empty() {
                    // If the receiving half is gone, messages are discarded.
                    received.push(messages.size(), messages).await.ok();
                }
            }
            Ok(Frame::Heartbeat) => {}
            Ok(Frame::Close(reason)) => return reason,
            // The server was restarted, and knows nothing of the session.
            Ok(Frame::Open) => return abnormal("Server lost session"),
            Err(error) => return error.into_reason(),
        }
    }
}

/// Sends messages until the application closes the session.
async fn send(
    outgoing: &mut Outgoing,
    commands: &mut Taker<Command>,
) -> Result<(), TransportError> {
    let mut batch = Vec::new();
    while let Some(command) = commands.take().await {
        let mut next = Some(command);
        let mut len = 0;
        let mut is_closing = false;
        while let Some(command) = next.take() {
            match command {
                Command::Send(message) => {
                    len += message.len();
                    batch.push(message);
                }
                Command::Close => is_closing = true,
            }
            if len < BATCH && !is_closing {
                next = commands.try_take();
            }
        }
        if !batch.is_empty() {
            outgoing.send(&batch).await?;
            batch.clear();
        }
        if is_closing {
            return Ok(());
        }
    }
    // Nobody can send any more, but the application may still receive.
    std::future::pending().await
}

/// How many bytes go into one request, unless a single message is longer.
const BATCH: usize = 64 * 1024;

/// How long to wait for a close frame when the server refuses messages.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long the closing handshake of a WebSocket may take.
const CLOSING_HANDSHAKE: Duration = Duration::from_secs(2);
