use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets each warning through once a minute, so that nobody fills the log.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Vec<(&'static str, Instant)>>);

impl Throttle {
    /// Returns whether a warning may be logged now. It then counts as logged.
    pub(crate) fn passes(&self, warning: &'static str) -> bool {
        let now = Instant::now();
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match logged.iter_mut().find(|(it, _)| *it == warning) {
            Some((_, last)) if now < *last + MINUTE => return false,
            Some((_, last)) => *last = now,
            None => logged.push((warning, now)),
        }
        true
    }
}

const MINUTE: Duration = Duration::from_secs(60);
