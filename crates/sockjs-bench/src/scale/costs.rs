//! What the generator reports of idle sessions, and how it reads.

use serde::Deserialize;

use crate::report::bytes;

/// The report, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(super) struct Costs {
    opened: Opened,
    pub(super) memory_per_session: Option<f64>,
    pub(super) held: Option<Held>,
    shutdown: Option<Shutdown>,
}

#[derive(Debug, Deserialize)]
struct Opened {
    per_second: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Held {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) cpu_share: f64,
}

#[derive(Debug, Deserialize)]
struct Shutdown {
    seconds: f64,
    server: Closed,
}

#[derive(Debug, Deserialize)]
struct Closed {
    /// How many sessions did not end by themselves.
    cut: usize,
}

pub(super) const HEAD: &str = "\
| Sessions | | opened | memory each | CPU while idle | all closed after |
|---|---:|---:|---:|---:|---:|
";

impl Costs {
    pub(super) fn row(&self, title: &str, count: usize) -> String {
        let opened = self.opened.per_second;
        let memory = self.memory_per_session.map_or_else(dash, bytes);
        let idle = self.held.as_ref().map_or_else(dash, Held::share);
        let closed = self.shutdown.as_ref().map_or_else(dash, |shutdown| {
            let cut = match shutdown.server.cut {
                0 => String::new(),
                cut => format!(", {cut} cut off"),
            };
            format!("{:.2} s{cut}", shutdown.seconds)
        });
        format!("| {title} | {count} | {opened:.0}/s | {memory} | {idle} | {closed} |\n")
    }
}

impl Held {
    pub(super) fn share(&self) -> String {
        format!("{:.2} %", self.cpu_share * 100.0)
    }
}

fn dash() -> String {
    "–".to_owned()
}
