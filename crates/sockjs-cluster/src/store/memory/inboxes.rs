use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::store::inbox::Inbox;

/// Who subscribes to what.
#[derive(Default)]
pub(super) struct Inboxes {
    all: Vec<Weak<Inbox>>,
    of: HashMap<Bytes, Vec<Arc<Inbox>>>,
}

impl Inboxes {
    pub(super) fn enter(&mut self, inbox: &Arc<Inbox>) {
        self.all.push(Arc::downgrade(inbox));
    }

    /// Returns who subscribes to a channel.
    pub(super) fn addressed(&self, channel: &[u8]) -> Option<(Bytes, Vec<Arc<Inbox>>)> {
        let (channel, inboxes) = self.of.get_key_value(channel)?;
        Some((channel.clone(), inboxes.clone()))
    }

    pub(super) fn all(&self) -> Vec<Arc<Inbox>> {
        self.all.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn subscribe(&mut self, channel: &[u8], inbox: &Arc<Inbox>) {
        let channel = Bytes::copy_from_slice(channel);
        let inboxes = self.of.entry(channel).or_default();
        if !inboxes.iter().any(|it| Arc::ptr_eq(it, inbox)) {
            inboxes.push(inbox.clone());
        }
    }

    pub(super) fn unsubscribe(&mut self, channel: &[u8], inbox: &Arc<Inbox>) {
        let Some(inboxes) = self.of.get_mut(channel) else {
            return;
        };
        inboxes.retain(|it| !Arc::ptr_eq(it, inbox));
        if inboxes.is_empty() {
            self.of.remove(channel);
        }
    }

    pub(super) fn leave(&mut self, inbox: &Arc<Inbox>) {
        self.all
            .retain(|it| !std::ptr::eq(it.as_ptr(), Arc::as_ptr(inbox)));
        self.of.retain(|_, inboxes| {
            inboxes.retain(|it| !Arc::ptr_eq(it, inbox));
            !inboxes.is_empty()
        });
    }
}
