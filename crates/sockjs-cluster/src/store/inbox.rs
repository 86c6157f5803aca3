use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::future::Unavailable;
use super::meter;

/// Messages of subscribed channels that nobody has taken yet.
///
/// It is bounded: the connection to the store is always read on, because other answers come behind the
/// messages.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    limit: usize,
    arrival: Notify,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
}

enum Item {
    Message(Bytes, Bytes),
    /// Here messages may be missing.
    Gap,
}

impl Inbox {
    /// Makes an inbox for `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            queue: Mutex::default(),
            limit,
            arrival: Notify::new(),
        }
    }

    /// Puts a message in, or a gap if there is no room. A message that is alone always has room, because
    /// it could never be received otherwise.
    pub(super) fn put(&self, channel: Bytes, message: Bytes) {
        let mut queue = self.lock();
        let bytes = cost(&channel, &message);
        if queue.bytes > 0 && queue.bytes + bytes > self.limit {
            queue.put_gap();
            meter::lost("full");
        } else {
            queue.bytes += bytes;
            queue.items.push_back(Item::Message(channel, message));
        }
        drop(queue);
        self.arrival.notify_one();
    }

    pub(super) fn put_gap(&self) {
        self.lock().put_gap();
        self.arrival.notify_one();
    }

    pub(super) async fn take(&self) -> Result<(Bytes, Bytes), Unavailable> {
        loop {
            if let Some(item) = self.lock().take() {
                return item;
            }
            self.arrival.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn put_gap(&mut self) {
        if !matches!(self.items.back(), Some(Item::Gap)) {
            self.items.push_back(Item::Gap);
        }
    }

    fn take(&mut self) -> Option<Result<(Bytes, Bytes), Unavailable>> {
        let item = self.items.pop_front()?;
        if self.items.is_empty() {
            // A burst must not hold its memory for ever.
            self.items = VecDeque::new();
        }
        Some(match item {
            Item::Message(channel, message) => {
                self.bytes -= cost(&channel, &message);
                Ok((channel, message))
            }
            Item::Gap => Err(Unavailable),
        })
    }
}

/// What a message counts: its bytes, and about what keeping it takes.
pub(super) fn cost(channel: &[u8], message: &[u8]) -> usize {
    channel.len() + message.len() + OVERHEAD
}

const OVERHEAD: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &'static str) -> (Bytes, Bytes) {
        (
            Bytes::from_static(b"channel"),
            Bytes::from_static(text.as_bytes()),
        )
    }

    #[tokio::test]
    async fn full_inbox_loses_the_newest_and_says_so_once() {
        let inbox = Inbox::new(2 * cost(b"channel", b"1"));
        for text in ["1", "2", "3", "4"] {
            let (channel, text) = message(text);
            inbox.put(channel, text);
        }
        assert_eq!(inbox.take().await, Ok(message("1")));
        assert_eq!(inbox.take().await, Ok(message("2")));
        assert_eq!(inbox.take().await, Err(Unavailable));
        let (channel, text) = message("5");
        inbox.put(channel, text);
        assert_eq!(inbox.take().await, Ok(message("5")));
    }

    #[tokio::test]
    async fn message_above_the_limit_arrives_alone() {
        let inbox = Inbox::new(1);
        let (channel, text) = message("long");
        inbox.put(channel.clone(), text.clone());
        inbox.put(channel, text);
        assert_eq!(inbox.take().await, Ok(message("long")));
        assert_eq!(inbox.take().await, Err(Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn future_that_is_dropped_has_taken_nothing() {
        let inbox = Inbox::new(1000);
        let wait = tokio::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(wait, inbox.take()).await.is_err());
        let (channel, text) = message("1");
        inbox.put(channel, text);
        assert_eq!(inbox.take().await, Ok(message("1")));
    }
}
