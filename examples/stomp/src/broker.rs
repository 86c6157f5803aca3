use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sockjs_axum::SockJsHandle;

use crate::application::Audience;
use crate::content::Content;
use crate::subscriptions::{Outgoing, Subscriptions};
use crate::topics;

/// Hands messages to those who subscribed to their destination. Clones are the same broker.
///
/// Messages are not kept: they are sent to those who are subscribed at that time, once, and without
/// acknowledgement. Nobody waits for a client that does not keep up: its session is closed with 4001.
#[derive(Clone, Debug)]
pub struct Broker {
    handle: SockJsHandle,
    messages: Arc<AtomicU64>,
}

impl Broker {
    /// Makes a broker for the sessions of a mount, whose topics it uses.
    pub fn new(handle: SockJsHandle) -> Self {
        Self {
            handle,
            messages: Arc::default(),
        }
    }

    /// Sends a message to all who subscribed to `destination` as [`Audience::Everybody`], and returns for how
    /// many subscriptions it was queued.
    pub fn publish(&self, destination: &str, content: impl Into<Content>) -> usize {
        self.pass(&Audience::Everybody, destination, &content.into())
    }

    /// Sends a message to all who subscribed to `destination` as [`Audience::Only`] with this name, and returns
    /// for how many subscriptions it was queued.
    pub fn publish_to(&self, name: &str, destination: &str, content: impl Into<Content>) -> usize {
        let audience = Audience::Only(name.to_owned());
        self.pass(&audience, destination, &content.into())
    }

    pub(crate) fn pass(&self, audience: &Audience, destination: &str, content: &Content) -> usize {
        let topic = topics::name(audience, destination);
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let mut outgoing = Outgoing::new(number, destination, content);
        // The frames differ by the ids of the subscriptions, so that one message for all will not do.
        let members = self.handle.topic(&topic).sessions();
        let queued = members.filter_map(|session| {
            let subscriptions: Arc<Subscriptions> = session.get()?;
            Some(subscriptions.deliver(&session, &topic, &mut outgoing))
        });
        queued.sum()
    }
}
