use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sockjs_core::Message;
use uuid::Uuid;

use crate::error::TrySendError;
use crate::peers::{Peers, Publication};
use crate::session::{SessionRef, Shared};
use crate::slow_policy::SlowPolicy;

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
    /// Whether the message did not reach the other nodes of the [cluster](crate::SockJsLayer::peers). The
    /// numbers are those of this node alone.
    pub unpublished: bool,
}

/// Which nodes of a cluster a message is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scope {
    All,
    Local,
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

    /// Sends the message to the other nodes, and deals with the sessions of this node whose send buffer is
    /// full.
    pub(super) async fn publish(
        self,
        peers: Option<&Arc<dyn Peers>>,
        topic: Option<&Arc<str>>,
        except: Option<Uuid>,
        slow: SlowPolicy,
    ) -> BroadcastOutcome {
        let Some(peers) = peers else {
            return self.finish(slow).await;
        };
        let message = self.message.clone();
        let publication = Publication::new(topic.cloned(), except, slow, message);
        // At the same time, so that no node waits for slow clients of this one.
        let (published, mut outcome) = tokio::join!(peers.publish(publication), self.finish(slow));
        outcome.unpublished = published.is_err();
        outcome
    }

    /// Deals with the sessions whose send buffer is full, without waiting for any.
    pub(super) fn finish_at_once(self, slow: SlowPolicy) -> BroadcastOutcome {
        let Self {
            mut outcome, full, ..
        } = self;
        match slow {
            SlowPolicy::Skip => outcome.skipped += full.len(),
            SlowPolicy::Close | SlowPolicy::Wait => {
                full.iter().for_each(SessionRef::close_as_slow);
                outcome.closed += full.len();
            }
        }
        outcome
    }

    /// Deals with the sessions whose send buffer is full.
    pub(super) async fn finish(self, slow: SlowPolicy) -> BroadcastOutcome {
        if slow != SlowPolicy::Wait {
            return self.finish_at_once(slow);
        }
        let Self {
            message,
            mut outcome,
            full,
        } = self;
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
        outcome
    }
}
