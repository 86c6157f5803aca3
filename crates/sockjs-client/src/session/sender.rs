use std::sync::Arc;

use sockjs_core::{CloseReason, Message, Transport};

use super::shared::Session;
use crate::SendError;
use crate::driver::Command;
use crate::queue::Pusher;

/// The half of a [`Client`](crate::Client) that sends. Clones send to the same session.
#[derive(Clone, Debug)]
pub struct Sender {
    commands: Pusher<Command>,
    session: Arc<Session>,
}

impl Sender {
    pub(super) fn new(commands: Pusher<Command>, session: Arc<Session>) -> Self {
        Self { commands, session }
    }

    /// Sends a message. See the method of the same name on [`Client`](crate::Client::send).
    ///
    /// # Errors
    ///
    /// Fails if the session is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        let pushed = self.commands.push(message.len(), Command::Send(message));
        pushed.await.map_err(|_| SendError)
    }

    /// Waits until the session is closed. See the method of the same name on
    /// [`Client`](crate::Client::closed).
    pub async fn closed(&self) -> CloseReason {
        self.session.closed().await
    }

    /// Closes the session. See the method of the same name on [`Client`](crate::Client::close).
    ///
    /// A message that another clone sends at the same time may be lost.
    pub async fn close(&self) -> CloseReason {
        // If the task is gone, the session is closed.
        self.commands.push_free(Command::Close).ok();
        self.session.finished().await
    }

    /// Returns the transport that the client uses.
    pub fn transport(&self) -> Transport {
        self.session.transport
    }
}
