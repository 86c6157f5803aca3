use std::sync::Arc;
use std::task::{Context, Poll};

use sockjs_core::{Cause, CloseReason, Ending, Frame, Payload, SessionConfig};

use super::belongings::TopicsOfMount;
use super::opening::Opening;
use super::output::ReceiverNumber;
use super::shared::{Connection, Next, Room, Shared};
use super::writer::Writer;
use crate::meter::Meter;

/// A receiver's hold on its session: a receive request that waits, or a WebSocket. The body of a
/// response holds its session as a [`Writer`].
///
/// An attachment that is dropped has lost its client, and the session ends.
#[derive(Debug)]
pub(crate) struct Attachment {
    shared: Arc<Shared>,
    receiver: ReceiverNumber,
    /// Whether a [`Writer`] has taken over.
    is_passed_on: bool,
}

impl Attachment {
    /// Opens a session by its first receiver.
    pub(crate) fn open(
        opening: Opening,
        connection: Connection,
        meter: Meter,
        config: Arc<SessionConfig>,
        topics: Arc<TopicsOfMount<Arc<Shared>>>,
    ) -> (Arc<Shared>, Self) {
        let shared = Shared::open(opening, connection, meter, config, topics);
        let shared = Arc::new(shared);
        (shared.clone(), Self::new(shared, ReceiverNumber::default()))
    }

    /// Attaches a receiver, or returns the close reason to turn it away with.
    pub(crate) fn attach(shared: Arc<Shared>, connection: Connection) -> Result<Self, CloseReason> {
        let receiver = shared.attach(connection)?;
        Ok(Self::new(shared, receiver))
    }

    fn new(shared: Arc<Shared>, receiver: ReceiverNumber) -> Self {
        Self {
            shared,
            receiver,
            is_passed_on: false,
        }
    }

    /// Passes the session on to the body of the response.
    pub(crate) fn into_writer(mut self) -> Writer {
        self.is_passed_on = true;
        Writer::new(&self.shared, self.receiver)
    }

    /// Takes the next frame, which does not count as written yet; `None` once no frame will follow.
    pub(crate) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.shared.poll_frame(cx)
    }

    /// Returns the session.
    pub(crate) fn session(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns how the session ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.shared.ending()
    }
}

/// For WebSockets, which also carry payloads and know what was written.
impl Attachment {
    /// Reports that all frames taken are written, and takes the next one.
    pub(crate) fn poll_next_frame(&self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Next)>> {
        self.shared.poll_next_frame(cx)
    }

    /// Waits until the receive buffer has room for a payload, or the session is not open.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_room(cx)
    }

    /// Hands a payload to the session, and returns whether there is room for another one. A session that
    /// is closing discards it.
    pub(crate) fn post(&self, payload: Payload) -> Room {
        self.shared.post(payload).unwrap_or(Room::Left)
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
        if !self.is_passed_on {
            self.shared.handle_lost();
        }
    }
}
