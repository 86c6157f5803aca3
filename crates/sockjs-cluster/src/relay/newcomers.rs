use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The connections that have not shown yet that a node of the cluster is at their other end.
///
/// They are few. A new one pushes the oldest out, so that strangers who connect cannot keep nodes out: a
/// node signs its first request at once. A connection that was refused counts until it is closed.
#[derive(Debug, Default)]
pub(crate) struct Newcomers(Mutex<VecDeque<Arc<Newcomer>>>);

/// A connection that is to show who is at its other end.
#[derive(Debug, Default)]
pub(super) struct Newcomer {
    is_proven: AtomicBool,
    is_refused: AtomicBool,
    /// There is no room for the rest of its goodbye either.
    is_pushed_out: AtomicBool,
    changed: Notify,
}

impl Newcomers {
    pub(super) fn enter(&self) -> Arc<Newcomer> {
        let newcomer = Arc::new(Newcomer::default());
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|it| Arc::strong_count(it) > 1 && !it.is_proven());
        let oldest = if waiting.len() >= MAX_WAITING {
            waiting.pop_front()
        } else {
            None
        };
        waiting.push_back(newcomer.clone());
        drop(waiting);
        if let Some(oldest) = oldest {
            oldest.push_out();
        }
        newcomer
    }
}

impl Newcomer {
    /// A request was signed by a node of the cluster.
    pub(super) fn prove(&self) {
        if !self.is_proven.swap(true, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// A request was not signed, or there is no room.
    pub(super) fn refuse(&self) {
        if !self.is_proven() {
            self.is_refused.store(true, Ordering::Relaxed);
            self.changed.notify_one();
        }
    }

    /// There is no room.
    fn push_out(&self) {
        if !self.is_proven() {
            self.is_pushed_out.store(true, Ordering::Relaxed);
            self.refuse();
        }
    }

    pub(super) fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    /// Waits until one of the two is known, and returns whether the connection is proven.
    pub(super) async fn known(&self) -> bool {
        loop {
            if self.is_proven() {
                return true;
            }
            if self.is_refused.load(Ordering::Relaxed) {
                return false;
            }
            self.changed.notified().await;
        }
    }

    /// Waits until there is no room for the connection.
    pub(super) async fn pushed_out(&self) {
        while !self.is_pushed_out.load(Ordering::Relaxed) {
            self.changed.notified().await;
        }
    }
}

/// How many connections of strangers there are at most.
const MAX_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn new_connection_pushes_the_oldest_unproven_one_out() {
        let newcomers = Newcomers::default();
        let all: Vec<_> = (0..MAX_WAITING).map(|_| newcomers.enter()).collect();
        all[0].prove();
        let _one = newcomers.enter();
        assert_eq!(all[0].known().now_or_never(), Some(true));
        assert_eq!(all[1].known().now_or_never(), None);
        let _two = newcomers.enter();
        assert_eq!(all[1].known().now_or_never(), Some(false));
        drop(all);
        let _three = newcomers.enter();
        assert_eq!(newcomers.0.lock().unwrap().len(), 3);
    }

    #[test]
    fn refused_connection_counts_until_it_is_closed() {
        let newcomers = Newcomers::default();
        let all: Vec<_> = (0..MAX_WAITING).map(|_| newcomers.enter()).collect();
        all[0].refuse();
        assert_eq!(all[0].known().now_or_never(), Some(false));
        assert_eq!(all[0].pushed_out().now_or_never(), None);
        let _one = newcomers.enter();
        assert_eq!(all[0].pushed_out().now_or_never(), Some(()));
        assert_eq!(all[1].known().now_or_never(), None);
    }
}
