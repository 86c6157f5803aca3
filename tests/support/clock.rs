use std::{
    sync::mpsc::{self, Sender},
    time::Duration,
};

/// A clock that stands still until a test moves it, also while real sockets are waited for.
///
/// A paused clock by itself jumps to the next timer whenever nothing is left to do, and what is
/// under way between two sockets does not count as something to do.
#[derive(Debug)]
#[must_use = "the clock runs on when this is dropped"]
pub struct Clock {
    /// The clock does not jump while a thread of the runtime's is busy. One waits for this to go.
    _hold: Sender<()>,
}

impl Clock {
    /// Stops the clock of the current runtime, which has one thread.
    pub fn freeze() -> Self {
        tokio::time::pause();
        let (hold, released) = mpsc::channel();
        // A test that hangs is let go, so that its limits, which are timers, end it.
        tokio::task::spawn_blocking(move || released.recv_timeout(REAL_LIMIT));
        Self { _hold: hold }
    }

    /// Lets what was started take its time from now, moves the clock, and lets what is due happen.
    pub async fn advance(&self, duration: Duration) {
        settle().await;
        tokio::time::advance(duration).await;
        settle().await;
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}

/// Lets tasks run, and those that they wake.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

/// How long the clock is kept from running, in the time of the real world.
const REAL_LIMIT: Duration = Duration::from_secs(60);
