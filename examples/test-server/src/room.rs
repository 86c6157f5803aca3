//! The room that the sessions of `/broadcast` share.

use std::sync::Arc;

use axum::extract::FromRef;
use sockjs_axum::{Message, SlowPolicy, SockJsHandle};
use tokio::sync::Mutex;

use crate::stats::Counter;

#[derive(Clone, Debug)]
pub(crate) struct Room {
    counter: Counter,
    everybody: SockJsHandle,
    /// One speaks at a time, so that all hear what is said on this node in the same order.
    floor: Arc<Mutex<()>>,
}

impl Room {
    pub(crate) fn new(everybody: SockJsHandle, counter: Counter) -> Self {
        Self {
            counter,
            everybody,
            floor: Arc::default(),
        }
    }

    /// Sends a message to all sessions, on all nodes of the cluster.
    ///
    /// A client that is too slow for the others is turned out. Otherwise everybody would wait for it.
    pub(crate) async fn say(&self, message: Message) {
        let _floor = self.floor.lock().await;
        self.everybody.broadcast(message, SlowPolicy::Close).await;
    }
}

impl FromRef<Room> for Counter {
    fn from_ref(room: &Room) -> Self {
        room.counter.clone()
    }
}
