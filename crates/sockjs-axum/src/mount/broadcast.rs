use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sockjs_core::Message;

use crate::error::TrySendError;
use crate::session::{SessionRef, Shared};
use crate::topics::SlowPolicy;

/// The outcome of a [broadcast](crate::SockJsHandle::broadcast), or of a message to a
/// [topic](crate::Topic::send).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BroadcastOutcome {
    /// The number of sessions for which the message was queued.
    pub sent: usize,
    /// The number of sessions that were skipped.
    pub skipped: usize,
    /// The number of sessions that the broadcast ended, or that ended while it waited for them.
    pub closed: usize,
}

/// One message on its way to many sessions. Its clones are encoded once.
pub(super) struct Broadcast {
    message: Message,
    outcome: BroadcastOutcome,
    full: Vec<SessionRef>,
}

impl Broadcast {
    pub(super) fn new(message: Message) -> Self {
        Self {
            message,
            outcome: BroadcastOutcome::default(),
            full: Vec::new(),
        }
    }

    /// Queues the message for a session, if the session's send buffer has room.
    pub(super) fn offer(&mut self, session: &Arc<Shared>) {
        match session.try_send(self.message.clone()) {
            Ok(()) => self.outcome.sent += 1,
            Err(TrySendError::Full(_)) => self.full.push(SessionRef::new(session.clone())),
            // The session has ended since the list was made.
            Err(_) => {}
        }
    }

    /// Deals with the sessions whose send buffer is full.
    pub(super) async fn finish(self, slow: SlowPolicy) -> BroadcastOutcome {
        let Self {
            message,
            mut outcome,
            full,
        } = self;
        match slow {
            SlowPolicy::Skip => outcome.skipped += full.len(),
            SlowPolicy::Close => {
                full.iter().for_each(SessionRef::close_as_slow);
                outcome.closed += full.len();
            }
            SlowPolicy::Wait => {
                let mut waiting: FuturesUnordered<_> = full
                    .iter()
                    .map(|session| session.send(message.clone()))
                    .collect();
                while let Some(result) = waiting.next().await {
                    match result {
                        Ok(()) => outcome.sent += 1,
                        Err(_) => outcome.closed += 1,
                    }
                }
            }
        }
        outcome
    }
}
