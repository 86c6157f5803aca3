use std::fmt;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;

use super::shared::{Shared, Space};
use crate::store::future::{StoreFuture, Unavailable};
use crate::store::inbox::Inbox;
use crate::store::topics::Topics;

/// The topics of a [`Memory`](super::Memory), as one node has joined them.
pub(super) struct MemoryTopics {
    shared: Arc<Shared>,
    space: Arc<Space>,
    inbox: Arc<Inbox>,
}

impl MemoryTopics {
    pub(super) fn new(shared: Arc<Shared>, space: Arc<Space>) -> Self {
        let inbox = Arc::new(Inbox::new(INBOX_BYTES));
        space.inboxes().enter(&inbox);
        Self {
            shared,
            space,
            inbox,
        }
    }
}

impl Topics for MemoryTopics {
    fn publish(&self, channel: &[u8], message: Bytes) -> StoreFuture<'_, ()> {
        if !self.shared.gate.is_up() {
            return Box::pin(ready(Err(Unavailable)));
        }
        let addressed = self.space.inboxes().addressed(channel);
        if let Some((channel, inboxes)) = addressed {
            for inbox in inboxes {
                inbox.put(channel.clone(), message.clone());
            }
        }
        Box::pin(async {
            self.shared.delay().await;
            Ok(())
        })
    }

    fn subscribe(&self, channel: &[u8]) {
        self.space.inboxes().subscribe(channel, &self.inbox);
    }

    fn unsubscribe(&self, channel: &[u8]) {
        self.space.inboxes().unsubscribe(channel, &self.inbox);
    }

    fn recv(&self) -> StoreFuture<'_, (Bytes, Bytes)> {
        Box::pin(self.inbox.take())
    }

    fn is_connected(&self) -> bool {
        self.shared.gate.is_up()
    }
}

impl Drop for MemoryTopics {
    fn drop(&mut self) {
        self.space.inboxes().leave(&self.inbox);
    }
}

impl fmt::Debug for MemoryTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTopics").finish_non_exhaustive()
    }
}

/// How many bytes wait for a node that does not take them.
const INBOX_BYTES: usize = 16 << 20;
