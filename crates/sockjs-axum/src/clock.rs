//! The only place that reads a clock.

use std::time::{Instant, SystemTime};

/// Returns the present moment. The clock is tokio's, so that a test with paused time moves it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns the date, for headers that contain one.
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}
