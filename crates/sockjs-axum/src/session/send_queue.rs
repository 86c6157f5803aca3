use std::future::poll_fn;
use std::sync::Arc;

use sockjs_core::{Payload, ReceiveError};
use tokio::sync::SemaphorePermit;

use super::shared::Shared;
use crate::sync::{AtomicUsize, Ordering};

/// A send request's hold on its session: requests of one session take their turns here.
#[derive(Debug)]
pub(crate) struct SendQueue(Arc<Shared>);

impl SendQueue {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Waits for the permit to read a body; `None` if too many requests wait already. Permits are
    /// given in the order of the calls, one at a time.
    pub(crate) async fn acquire(&self) -> Option<Permit<'_>> {
        let sends = self.0.sends();
        let permit = match sends.permit.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::enter(&sends.waiting)?;
                sends.permit.acquire().await.ok()?
            }
        };
        Some(Permit {
            shared: &self.0,
            _permit: permit,
        })
    }

    /// Hands a payload to the session.
    ///
    /// # Errors
    ///
    /// If the session does not take the payload.
    pub(crate) fn post(&self, payload: Payload) -> Result<(), ReceiveError> {
        self.0.post(payload)
    }
}

/// The right to read one body and to post its payload, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    shared: &'a Shared,
    _permit: SemaphorePermit<'a>,
}

impl Permit<'_> {
    /// Waits until the receive buffer has room, or the session is not open.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| self.shared.poll_room(cx)).await;
    }
}

/// One waiting request, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Option<Self> {
        waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < MAX_WAITING).then_some(waiting + 1)
            })
            .ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many send requests of a session may wait behind one.
///
/// A well-behaved client sends one request at a time. A client that queues many is trying to tie up
/// connections: until we read a body, we cannot notice that its sender has hung up.
const MAX_WAITING: usize = 15;
