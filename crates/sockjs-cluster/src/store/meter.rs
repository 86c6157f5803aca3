//! Metrics. Without the feature `metrics`, they cost nothing.

#[cfg(feature = "metrics")]
use std::time::Instant;

/// Measures how long a command takes, until it is dropped.
pub(super) struct Timer {
    #[cfg(feature = "metrics")]
    command: &'static str,
    #[cfg(feature = "metrics")]
    start: Instant,
}

#[cfg(feature = "metrics")]
impl Timer {
    pub(super) fn start(command: &'static str) -> Self {
        let start = tokio::time::Instant::now().into_std();
        Self { command, start }
    }
}

#[cfg(feature = "metrics")]
impl Drop for Timer {
    fn drop(&mut self) {
        let now = tokio::time::Instant::now().into_std();
        let seconds = now.duration_since(self.start).as_secs_f64();
        metrics::histogram!(COMMAND_SECONDS, "command" => self.command).record(seconds);
    }
}

#[cfg(not(feature = "metrics"))]
impl Timer {
    pub(super) fn start(_: &'static str) -> Self {
        Self {}
    }
}

/// Counts a connection that was made.
#[cfg(feature = "metrics")]
pub(super) fn connected(purpose: &'static str) {
    metrics::counter!(CONNECTIONS, "purpose" => purpose).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn connected(_: &'static str) {}

/// Counts messages that were lost, or may have been.
#[cfg(feature = "metrics")]
pub(super) fn lost(reason: &'static str) {
    metrics::counter!(LOST, "reason" => reason).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn lost(_: &'static str) {}

#[cfg(feature = "metrics")]
const COMMAND_SECONDS: &str = "sockjs_cluster_store_command_seconds";
#[cfg(feature = "metrics")]
const CONNECTIONS: &str = "sockjs_cluster_store_connections_total";
#[cfg(feature = "metrics")]
const LOST: &str = "sockjs_cluster_store_messages_lost_total";
