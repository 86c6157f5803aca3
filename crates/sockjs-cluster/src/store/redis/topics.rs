use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::names::Names;
use super::publisher::Publisher;
use super::server::Server;
use super::subscriber::Subscriber;
use crate::store::future::{StoreFuture, Unavailable};
use crate::store::topics::Topics;

/// The topics in a Redis server. One connection publishes, another one subscribes.
pub(super) struct RedisTopics {
    names: Names,
    publisher: Publisher,
    subscriber: Subscriber,
}

impl RedisTopics {
    pub(super) fn new(server: Arc<Server>, names: Names) -> Self {
        let publisher = Publisher::new(server.clone());
        let subscriber = Subscriber::new(server, names.prefix_len());
        Self {
            names,
            publisher,
            subscriber,
        }
    }
}

impl Topics for RedisTopics {
    fn publish(&self, channel: &[u8], message: Bytes) -> StoreFuture<'_, ()> {
        let outcome = self.publisher.publish(self.names.channel(channel), message);
        Box::pin(async { outcome?.await.map_err(|_| Unavailable) })
    }

    fn subscribe(&self, channel: &[u8]) {
        self.subscriber.subscribe(self.names.channel(channel));
    }

    fn unsubscribe(&self, channel: &[u8]) {
        self.subscriber.unsubscribe(&self.names.channel(channel));
    }

    fn recv(&self) -> StoreFuture<'_, (Bytes, Bytes)> {
        Box::pin(self.subscriber.inbox().take())
    }

    fn is_connected(&self) -> bool {
        self.publisher.is_connected() && self.subscriber.is_connected()
    }
}

impl fmt::Debug for RedisTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTopics")
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
