//! Measurements, one after the other, whatever becomes of each.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::rows::Row;
use super::work::{Unit, Way};
use crate::children::{Pinning, Running, Server};

/// How long each measurement takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) warmup: f64,
    pub(super) seconds: f64,
}

/// Takes measurements of one round.
#[derive(Debug)]
pub(super) struct Round {
    pinning: Pinning,
    times: Times,
    /// The latencies, which are measured once and shown in two rows.
    latencies: HashMap<Server, Value>,
}

impl Round {
    pub(super) fn new(pinning: Pinning, times: Times) -> Self {
        Self {
            pinning,
            times,
            latencies: HashMap::new(),
        }
    }

    /// Returns the number that `row` wants of a server that has done nothing else.
    pub(super) fn measure(&mut self, server: Server, row: &Row) -> anyhow::Result<f64> {
        let place = row.work.call(server).place;
        let report = match (row.work.unit(), self.latencies.get(&server)) {
            (Unit::Milliseconds, Some(report)) => report.clone(),
            _ => self.report(server, row)?,
        };
        let value = report.pointer(place).and_then(Value::as_f64);
        if row.work.unit() == Unit::Milliseconds {
            self.latencies.insert(server, report);
        }
        value.with_context(|| format!("the report has no {place}"))
    }

    fn report(&self, server: Server, row: &Row) -> anyhow::Result<Value> {
        let (way, call) = (row.way, row.work.call(server));
        let running = start(self.pinning, server, way)?;
        let url = running.url(way.scheme(), call.mount);
        let pid = running.pid().to_string();
        let warmup = self.times.warmup(server).to_string();
        let seconds = self.times.seconds.to_string();
        let mut arguments = vec![call.command, &url, "--pid", &pid];
        arguments.extend(call.arguments);
        if matches!(row.work.unit(), Unit::PerCpuSecond | Unit::Milliseconds) {
            arguments.extend(["--warmup", &warmup, "--seconds", &seconds]);
        }
        let patience = PATIENCE + self.times.expected(server, row) * 3;
        let report = self.pinning.generate(&arguments, patience)?;
        if report.get("kept_up") == Some(&Value::Bool(false)) {
            bail!("the server did not keep up with half of its greatest load");
        }
        Ok(report)
    }
}

impl Times {
    /// A server that is compiled beforehand is as fast at once as it will be.
    fn warmup(self, server: Server) -> f64 {
        if server.warms_up() {
            self.warmup
        } else {
            self.warmup / 4.0
        }
    }

    /// Returns how long a measurement should take.
    pub(super) fn expected(self, server: Server, row: &Row) -> Duration {
        let window = Duration::from_secs_f64(self.warmup(server) + self.seconds);
        let windows = match row.work.unit() {
            Unit::PerCpuSecond => window,
            Unit::Milliseconds => window + Duration::from_secs_f64(self.seconds),
            Unit::Bytes | Unit::Share => Duration::ZERO,
        };
        windows + row.work.overhead(server)
    }
}

/// Returns first what can be started here, and then what cannot, such as a server whose language is not
/// there.
pub(super) fn startable(pinning: Pinning, servers: &[Server]) -> (Vec<Server>, Vec<Server>) {
    let starts = |server: &Server| match start(pinning, *server, Way::Plain) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("{} is left out: {error:#}", server.title());
            false
        }
    };
    servers.iter().copied().partition(starts)
}

fn start(pinning: Pinning, server: Server, way: Way) -> anyhow::Result<Running> {
    // Between two polls, sessions are to live for as long as somebody looks at them.
    let arguments = [
        "--disconnect-delay",
        "600",
        "--over",
        way.scheme().served_by(),
    ];
    pinning.start(server, way.threads(), &arguments)
}

/// How much longer than expected a measurement may take, before it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
