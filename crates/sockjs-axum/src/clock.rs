//! The only place that reads a clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Returns the present moment. The clock is tokio's, so that a test with paused time moves it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns the date, for headers that contain one.
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}

/// What was said within the last minute, so that a client that causes it again and again does not fill
/// the log.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Vec<(&'static str, Instant)>>);

impl Throttle {
    /// Returns whether `what` was not said within the last minute. It then counts as said.
    pub(crate) fn passes(&self, what: &'static str) -> bool {
        let now = now();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said.iter_mut().find(|(it, _)| *it == what) {
            Some((_, last)) if now < *last + MINUTE => return false,
            Some((_, last)) => *last = now,
            None => said.push((what, now)),
        }
        true
    }
}

const MINUTE: Duration = Duration::from_secs(60);
