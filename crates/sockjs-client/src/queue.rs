use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Creates a queue that holds so many bytes.
pub(crate) fn queue<T>(capacity: usize) -> (Pusher<T>, Taker<T>) {
    let capacity = u32::try_from(capacity).unwrap_or(u32::MAX).max(1);
    let (items, taken) = mpsc::unbounded_channel();
    let pusher = Pusher {
        items,
        room: Arc::new(Semaphore::new(capacity as usize)),
        capacity,
    };
    (pusher, Taker { items: taken })
}

/// Puts items into a queue. Those who wait for room are served in order.
#[derive(Debug)]
pub(crate) struct Pusher<T> {
    items: mpsc::UnboundedSender<Item<T>>,
    room: Arc<Semaphore>,
    capacity: u32,
}

/// Takes items out of a queue.
#[derive(Debug)]
pub(crate) struct Taker<T> {
    items: mpsc::UnboundedReceiver<Item<T>>,
}

/// An item, and its room, which is free again when the item is taken.
#[derive(Debug)]
struct Item<T> {
    item: T,
    _room: Option<OwnedSemaphorePermit>,
}

/// The other half of the queue is gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl<T> Pusher<T> {
    /// Waits for room, and puts an item of so many bytes into the queue. An item that is larger than
    /// the queue has it for itself.
    ///
    /// Dropping the future before it is ready leaves the queue as it was.
    pub(crate) async fn push(&self, size: usize, item: T) -> Result<(), Gone> {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let room = self.room.clone();
        let room = tokio::select! {
            room = room.acquire_many_owned(size.clamp(1, self.capacity)) => room,
            () = self.items.closed() => return Err(Gone),
        };
        self.put(item, Some(room.expect("the semaphore is never closed")))
    }

    /// Puts an item that needs no room into the queue.
    pub(crate) fn push_free(&self, item: T) -> Result<(), Gone> {
        self.put(item, None)
    }

    fn put(&self, item: T, room: Option<OwnedSemaphorePermit>) -> Result<(), Gone> {
        let item = Item { item, _room: room };
        self.items.send(item).map_err(|_| Gone)
    }
}

// A derived implementation would need `T: Clone`.
impl<T> Clone for Pusher<T> {
    fn clone(&self) -> Self {
        Self {
            items: self.items.clone(),
            room: self.room.clone(),
            capacity: self.capacity,
        }
    }
}

impl<T> Taker<T> {
    /// Waits for the next item. `None` if every [`Pusher`] is gone and nothing is left.
    pub(crate) async fn take(&mut self) -> Option<T> {
        self.items.recv().await.map(|it| it.item)
    }

    pub(crate) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.items.poll_recv(cx).map(|it| it.map(|it| it.item))
    }

    /// Returns the next item if there is one.
    pub(crate) fn try_take(&mut self) -> Option<T> {
        self.items.try_recv().ok().map(|it| it.item)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_makes_those_who_push_wait_in_order() {
        let (pusher, mut taker) = queue(10);
        pusher.push(6, "first").await.unwrap();
        let mut second = Box::pin(pusher.push(6, "second"));
        let mut third = Box::pin(pusher.push(1, "third"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert_eq!(taker.take().await, Some("first"));
        second.await.unwrap();
        third.await.unwrap();
        assert_eq!(taker.take().await, Some("second"));
        assert_eq!(taker.try_take(), Some("third"));
        assert_eq!(taker.try_take(), None);
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_leaves_nothing() {
        let (pusher, mut taker) = queue(10);
        pusher.push(10, "first").await.unwrap();
        assert!(pusher.push(10, "given up").now_or_never().is_none());
        assert_eq!(taker.take().await, Some("first"));
        pusher.push(10, "second").await.unwrap();
        assert_eq!(taker.take().await, Some("second"));
    }

    #[tokio::test]
    async fn an_item_larger_than_the_queue_passes_alone() {
        let (pusher, mut taker) = queue(10);
        pusher.push(1000, "large").await.unwrap();
        assert!(pusher.push(1, "small").now_or_never().is_none());
        assert_eq!(taker.take().await, Some("large"));
    }

    #[tokio::test]
    async fn who_waits_hears_that_nobody_takes() {
        let (pusher, taker) = queue(1);
        pusher.push(1, "first").await.unwrap();
        let waiting = tokio::spawn({
            let pusher = pusher.clone();
            async move { pusher.push(1, "second").await }
        });
        tokio::task::yield_now().await;
        drop(taker);
        assert!(waiting.await.unwrap().is_err());
        assert!(pusher.push_free("third").is_err());
    }
}
