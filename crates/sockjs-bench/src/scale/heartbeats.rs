//! What heartbeats cost: sessions that hear one every second, and nothing else.

use std::time::Duration;

use anyhow::Context;

use super::costs::Costs;
use crate::children::{Pinning, Server, Threads};
use crate::report::microseconds;
use crate::target::Scheme;

#[derive(Debug)]
pub(super) struct Row {
    title: &'static str,
    scheme: Scheme,
    transport: &'static str,
    pub(super) sessions: usize,
}

pub(super) const ROWS: &[Row] = &[
    Row {
        title: "websocket",
        scheme: Scheme::Http,
        transport: "websocket",
        sessions: 1_000,
    },
    Row {
        title: "websocket",
        scheme: Scheme::Http,
        transport: "websocket",
        sessions: 10_000,
    },
    Row {
        title: "xhr_streaming",
        scheme: Scheme::Http,
        transport: "xhr-streaming",
        sessions: 10_000,
    },
    Row {
        title: "xhr_streaming over HTTP/2",
        scheme: Scheme::Http2,
        transport: "xhr-streaming",
        sessions: 10_000,
    },
];

pub(super) const HEAD: &str = "\
| Heartbeats of | sessions | heartbeats a second | CPU | CPU time each |
|---|---:|---:|---:|---:|
";

impl Row {
    /// Returns the row as it reads.
    pub(super) fn measure(&self, pinning: Pinning) -> anyhow::Result<String> {
        let Self {
            title,
            scheme,
            transport,
            sessions,
        } = *self;
        let often = ["--heartbeat-delay", "1", "--over", scheme.served_by()];
        let server = pinning.start(Server::Ours, Threads::One, &often)?;
        let (url, pid) = (server.url(scheme, "echo"), server.pid().to_string());
        let count = sessions.to_string();
        let call = ["idle", &url, "--transport", transport, "--sessions", &count];
        let call = [&call[..], &["--hold", "10", "--pid", &pid]].concat();
        let report = pinning.generate(&call, Duration::from_secs(120))?;
        let costs: Costs = serde_json::from_value(report)?;
        let held = costs.held.context("nothing is known of the server")?;
        let each = held.cpu_seconds / (held.seconds * sessions as f64);
        let (share, each) = (held.share(), microseconds(each * 1e6));
        Ok(format!(
            "| {title} | {sessions} | {sessions} | {share} | {each} |\n"
        ))
    }
}
