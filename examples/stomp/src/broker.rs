//! Who subscribed to what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockjs_axum::{Sender, TrySendError};
use uuid::Uuid;

use crate::frame::{Command, Frame};

/// Hands what is sent to a destination to its subscribers. Clones are the same broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broker {
    destinations: Arc<Mutex<HashMap<String, Vec<Subscriber>>>>,
    messages: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
struct Subscriber {
    /// The client's name for its subscription.
    id: String,
    sender: Sender,
}

impl Subscriber {
    fn is(&self, session: Uuid, id: &str) -> bool {
        self.sender.id() == session && self.id == id
    }
}

impl Broker {
    pub(crate) fn subscribe(&self, destination: &str, id: &str, sender: Sender) {
        let subscriber = Subscriber {
            id: id.to_owned(),
            sender,
        };
        self.destinations()
            .entry(destination.to_owned())
            .or_default()
            .push(subscriber);
    }

    pub(crate) fn unsubscribe(&self, destination: &str, id: &str, session: Uuid) {
        let mut destinations = self.destinations();
        let Some(subscribers) = destinations.get_mut(destination) else {
            return;
        };
        subscribers.retain(|subscriber| !subscriber.is(session, id));
        if subscribers.is_empty() {
            destinations.remove(destination);
        }
    }

    /// Passes a SEND on to all subscribers of its destination.
    ///
    /// It waits for none of them: a session whose buffer is full is closed, so that nobody has to
    /// wait for a client that does not keep up.
    pub(crate) fn publish(&self, destination: &str, send: &Frame) {
        let subscribers = match self.destinations().get(destination) {
            Some(subscribers) => subscribers.clone(),
            None => return,
        };
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        for subscriber in subscribers {
            let mut message = Frame::new(Command::Message)
                .header("subscription", &subscriber.id)
                .header("message-id", number.to_string())
                .header("destination", destination);
            for (name, value) in send.headers.iter() {
                if !OWN_HEADERS.contains(&name) {
                    message = message.header(name, value);
                }
            }
            let message = message.body(&send.body).encode();
            if let Err(TrySendError::Full(_)) = subscriber.sender.try_send(message) {
                subscriber.sender.close(4001, "Too slow");
            }
        }
    }

    fn destinations(&self) -> MutexGuard<'_, HashMap<String, Vec<Subscriber>>> {
        self.destinations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Headers that mean something between two ends only. All others are the application's, and are
/// passed on.
const OWN_HEADERS: [&str; 6] = [
    "content-length",
    "destination",
    "message-id",
    "receipt",
    "subscription",
    "transaction",
];
