use std::sync::Arc;
use std::task::{Context, Poll};

use sockjs_core::{Cause, CloseReason, Ending, Frame, Payload, SessionConfig};

use super::opening::Opening;
use super::shared::{Connection, Next, Shared};
use crate::meter::Meter;

/// A receiver's hold on its session: the response to a receive request, or a WebSocket.
///
/// An attachment that is dropped before it is [complete](Self::complete) has lost its client, and
/// the session ends.
#[derive(Debug)]
pub(crate) struct Attachment {
    shared: Arc<Shared>,
    is_complete: bool,
}

impl Attachment {
    /// Opens a session by its first receiver.
    pub(crate) fn open(
        opening: Opening,
        connection: Connection,
        meter: Meter,
        config: Arc<SessionConfig>,
    ) -> (Arc<Shared>, Self) {
        let shared = Arc::new(Shared::open(opening, connection, meter, config));
        (shared.clone(), Self::new(shared))
    }

    /// Attaches a receiver, or returns the close reason to turn it away with.
    pub(crate) fn attach(shared: Arc<Shared>, connection: Connection) -> Result<Self, CloseReason> {
        shared.attach(connection)?;
        Ok(Self::new(shared))
    }

    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            is_complete: false,
        }
    }

    /// Takes the next frame, which counts as written; `None` once no frame will follow.
    pub(crate) fn poll_frame_written(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.shared.poll_frame_written(cx)
    }

    /// Detaches from the session, because the response is complete and the client will ask again.
    ///
    /// Must be called before the last bytes are handed over. Otherwise the client's next request
    /// could arrive while this one still counts as attached.
    pub(crate) fn complete(mut self) {
        self.is_complete = true;
        self.shared.detach();
    }

    /// Returns how the session ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.shared.ending()
    }
}

/// For WebSockets, which also carry payloads and know what was written.
impl Attachment {
    /// Takes the next frame; `None` once no frame will follow.
    pub(crate) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.shared.poll_frame(cx)
    }

    /// Reports that all frames taken are written, and takes the next one.
    pub(crate) fn poll_next_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.shared.poll_next_frame(cx)
    }

    /// Waits until the receive buffer has room for a payload, or the session is not open.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_room(cx)
    }

    /// Hands a payload to the session. A session that is closing discards it.
    pub(crate) fn post(&self, payload: Payload) {
        drop(self.shared.post(payload));
    }

    /// Reports that bytes arrived from the client.
    pub(crate) fn handle_alive(&self) {
        self.shared.handle_alive();
    }

    /// Reports that the client took some bytes, but not all.
    pub(crate) fn handle_progress(&self) {
        self.shared.handle_progress();
    }

    /// Reports that the client takes no bytes although some wait that are no frame.
    pub(crate) fn handle_blocked(&self) {
        self.shared.handle_blocked();
    }

    /// Ends the session at once.
    pub(crate) fn abort(&self, reason: CloseReason, cause: Cause) {
        self.shared.abort(reason, cause);
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if !self.is_complete {
            self.shared.handle_lost();
        }
    }
}
