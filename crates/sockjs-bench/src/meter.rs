//! What many sessions have done between two moments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::process::Watched;
use crate::report::Throughput;

/// Counts what sessions do. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    count: AtomicU64,
    latencies: Mutex<Histogram<u64>>,
    stopped: AtomicBool,
}

impl Meter {
    pub(crate) fn new() -> Self {
        // Two digits, and a minute at most: what takes longer has failed before.
        let latencies = Histogram::new_with_max(60_000_000, 2).expect("these bounds are valid");
        Self(Arc::new(Shared {
            count: AtomicU64::new(0),
            latencies: Mutex::new(latencies),
            stopped: AtomicBool::new(false),
        }))
    }

    /// Notes that `count` of whatever is counted are done, and took so long.
    pub(crate) fn record(&self, count: u64, latency: Duration) {
        self.0.count.fetch_add(count, Ordering::Relaxed);
        self.latencies()
            .saturating_record(latency.as_micros() as u64);
    }

    /// Returns how many there are in all.
    pub(crate) fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Returns whether sessions are to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Lets sessions go on for a while, and returns what they did after the `warmup`. Then they are
    /// to end. On a machine that is too busy for anything, that takes until something was done.
    pub(crate) async fn measure(
        &self,
        warmup: Duration,
        duration: Duration,
        server: &Watched,
    ) -> anyhow::Result<(Throughput, Latency)> {
        tokio::time::sleep(warmup).await;
        self.latencies().reset();
        let before = (self.count(), server.look()?);
        tokio::time::sleep(duration).await;
        let patience = Instant::now() + PATIENCE;
        while self.count() == before.0 {
            if Instant::now() > patience {
                bail!("nothing came back");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let after = (self.count(), server.look()?);
        let latency = Latency::of(&self.latencies());
        self.stop();
        let throughput = Throughput::new(after.0 - before.0, after.1.since(&before.1));
        Ok((throughput, latency))
    }

    pub(crate) fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    fn latencies(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.0
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long things took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    fn of(latencies: &Histogram<u64>) -> Self {
        let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
        Self {
            p50_ms: milliseconds(latencies.value_at_quantile(0.5)),
            p99_ms: milliseconds(latencies.value_at_quantile(0.99)),
            max_ms: milliseconds(latencies.max()),
        }
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            p50_ms,
            p99_ms,
            max_ms,
        } = self;
        write!(
            f,
            "p50 {p50_ms:.3} ms, p99 {p99_ms:.3} ms, max {max_ms:.3} ms"
        )
    }
}

/// How long to wait for the first of what is counted, beyond the time asked for.
const PATIENCE: Duration = Duration::from_secs(30);
