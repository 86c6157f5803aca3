use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::{Shared, Space};
use crate::store::future::{StoreFuture, Unavailable};
use crate::store::inbox::Inbox;
use crate::store::topics::Topics;

/// The topics of a [`Memory`](super::Memory), as one node has joined them.
pub(super) struct MemoryTopics {
    shared: Arc<Shared>,
    space: Arc<Space>,
    inbox: Arc<Inbox>,
}

/// Who subscribes to what.
#[derive(Default)]
pub(super) struct Inboxes {
    all: Vec<Weak<Inbox>>,
    of: HashMap<Bytes, Vec<Arc<Inbox>>>,
}

impl MemoryTopics {
    pub(super) fn new(shared: Arc<Shared>, space: Arc<Space>) -> Self {
        let inbox = Arc::new(Inbox::new(INBOX_BYTES));
        space.inboxes().all.push(Arc::downgrade(&inbox));
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

impl Inboxes {
    /// Returns who subscribes to a channel.
    fn addressed(&self, channel: &[u8]) -> Option<(Bytes, Vec<Arc<Inbox>>)> {
        let (channel, inboxes) = self.of.get_key_value(channel)?;
        Some((channel.clone(), inboxes.clone()))
    }

    pub(super) fn all(&self) -> Vec<Arc<Inbox>> {
        self.all.iter().filter_map(Weak::upgrade).collect()
    }

    fn subscribe(&mut self, channel: &[u8], inbox: &Arc<Inbox>) {
        let channel = Bytes::copy_from_slice(channel);
        let inboxes = self.of.entry(channel).or_default();
        if !inboxes.iter().any(|it| Arc::ptr_eq(it, inbox)) {
            inboxes.push(inbox.clone());
        }
    }

    fn unsubscribe(&mut self, channel: &[u8], inbox: &Arc<Inbox>) {
        let Some(inboxes) = self.of.get_mut(channel) else {
            return;
        };
        inboxes.retain(|it| !Arc::ptr_eq(it, inbox));
        if inboxes.is_empty() {
            self.of.remove(channel);
        }
    }

    fn leave(&mut self, inbox: &Arc<Inbox>) {
        self.all
            .retain(|it| !std::ptr::eq(it.as_ptr(), Arc::as_ptr(inbox)));
        self.of.retain(|_, inboxes| {
            inboxes.retain(|it| !Arc::ptr_eq(it, inbox));
            !inboxes.is_empty()
        });
    }
}

/// How many bytes wait for a node that does not take them.
const INBOX_BYTES: usize = 16 << 20;
