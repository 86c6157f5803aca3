//! Measurements, one after the other.

use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use super::rows::{Job, Nodes as Which};
use crate::children::{Nodes, Pinning, Store};

/// How long each measurement takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) warmup: f64,
    pub(super) seconds: f64,
}

/// What streams cost that do nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Idle {
    held: Option<Held>,
    /// Bytes a stream: of the owner, and of the node that relays; of both, if they are one process.
    #[serde(rename = "memory_by_process")]
    pub(super) memory: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Held {
    cpu_share: f64,
}

impl Idle {
    /// Returns the processor time of both nodes, of a core.
    pub(super) fn share(&self) -> Option<f64> {
        self.held.as_ref().map(|held| held.cpu_share)
    }
}

/// Returns what new nodes do a second of the processor time of all of them.
pub(super) fn measure(
    pinning: Pinning,
    store: &Store,
    job: Job,
    times: Times,
) -> anyhow::Result<f64> {
    let delay = job.work.disconnect_delay();
    let (store, count) = match job.nodes {
        Which::Alone => (None, 1),
        Which::First | Which::Relayed => (Some(store), 2),
        Which::Three => (Some(store), 3),
    };
    let arguments = ["--disconnect-delay", &delay.to_string()];
    let nodes = Nodes::start(pinning, store, count, &arguments)?;
    let (command, mount, arguments, place) = job.work.call();
    let urls = nodes.urls(mount);
    let pids = nodes.pids();
    // Sessions that nobody polls end from then on.
    let warmup = if delay < 10.0 {
        delay + times.warmup
    } else {
        times.warmup
    };
    let (warmup, seconds) = (warmup.to_string(), times.seconds.to_string());
    let mut call = vec![command, &urls[0], "--pid", &pids];
    call.extend(arguments);
    call.extend(["--warmup", &warmup, "--seconds", &seconds]);
    let also = urls[1..].join(",");
    match job.nodes {
        Which::Alone | Which::First => {}
        Which::Relayed => call.extend(["--through", &urls[1]]),
        Which::Three => call.extend(["--also", &also]),
    }
    let report = pinning.generate(&call, PATIENCE)?;
    let value = report.pointer(place).and_then(Value::as_f64);
    value.with_context(|| format!("the report has no {place}"))
}

/// Holds streams whose session another node owns.
pub(super) fn hold(
    pinning: Pinning,
    store: &Store,
    streams: usize,
    seconds: f64,
) -> anyhow::Result<Idle> {
    let nodes = Nodes::start(pinning, Some(store), 2, &["--disconnect-delay", "600"])?;
    let (urls, pids) = (nodes.urls("echo"), nodes.pids());
    let (streams, hold) = (streams.to_string(), seconds.to_string());
    let call = ["idle", &urls[0], "--through", &urls[1], "--pid", &pids];
    let more = [
        "--transport",
        "xhr-streaming",
        "--sessions",
        &streams,
        "--hold",
        &hold,
    ];
    let patience = PATIENCE + Duration::from_secs_f64(seconds);
    let report = pinning.generate(&[&call[..], &more[..]].concat(), patience)?;
    Ok(serde_json::from_value(report)?)
}

/// How long a measurement may take, before it has failed.
const PATIENCE: Duration = Duration::from_secs(90);
