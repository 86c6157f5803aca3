//! How costs grow with the number of sessions.

use std::fmt::Write;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use crate::children::{Pinning, Server};
use crate::report::bytes;
use crate::{document, machine};

/// Hold up to 200,000 sessions of our server, and see what they cost and how they end
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// Seconds that sessions are held; the default has two heartbeats
    #[arg(long, default_value_t = 50.0)]
    hold: f64,
    /// Leave out what has more sessions than this
    #[arg(long, default_value_t = usize::MAX)]
    most: usize,
    /// Write docs/performance.md
    #[arg(long)]
    write: bool,
}

/// Where sessions come from.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Connections from another process.
    Sockets(&'static str),
    /// Connections within the server's process.
    Memory,
}

/// Descriptors end at 20,000 a process on many machines, and so do sessions that have one each.
const ROWS: &[(Place, &str, &[usize])] = &[
    (
        Place::Sockets("websocket"),
        "websocket",
        &[1_000, 10_000, 15_000],
    ),
    (
        Place::Sockets("xhr-streaming"),
        "xhr_streaming",
        &[1_000, 10_000, 15_000],
    ),
    (
        Place::Sockets("xhr-polling"),
        "xhr polling, between polls",
        &[1_000, 10_000, 100_000, 200_000],
    ),
    (
        Place::Memory,
        "websocket in memory, both ends",
        &[1_000, 10_000, 100_000],
    ),
];

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let pinning = Pinning::choose();
    let mut table = "| Sessions | | opened | memory each | CPU while idle | all closed after |\n\
                     |---|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for (place, title, counts) in ROWS {
        for &count in counts.iter().filter(|count| **count <= command.most) {
            eprintln!("{title}: {count}");
            let costs = measure(pinning, *place, count, command.hold)
                .with_context(|| format!("{count} sessions: {title}"))?;
            costs.write_row(title, count, &mut table);
        }
    }
    let pinned = match pinning {
        Pinning::Cores { .. } => "those in memory on one core, all others with two",
        Pinning::None => "nothing pinned",
    };
    let notes = format!(
        "Held for {} s; {pinned}, {}.",
        command.hold,
        machine::describe()
    );
    println!("{table}\n{notes}");
    if command.write {
        document::replace("scale", &format!("{table}\n{notes}"))?;
    }
    Ok(())
}

/// What the generator reports, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Costs {
    opened: Opened,
    memory_per_session: Option<f64>,
    held: Option<Held>,
    shutdown: Shutdown,
}

#[derive(Debug, Deserialize)]
struct Opened {
    per_second: f64,
}

#[derive(Debug, Deserialize)]
struct Held {
    cpu_share: f64,
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

impl Costs {
    fn write_row(&self, title: &str, count: usize, table: &mut String) {
        let opened = self.opened.per_second;
        let memory = self
            .memory_per_session
            .map_or_else(|| "–".to_owned(), bytes);
        let idle = self.held.as_ref().map_or_else(
            || "–".to_owned(),
            |held| format!("{:.2} %", held.cpu_share * 100.0),
        );
        let Shutdown { seconds, server } = &self.shutdown;
        let cut = match server.cut {
            0 => String::new(),
            cut => format!(", {cut} cut off"),
        };
        writeln!(
            table,
            "| {title} | {count} | {opened:.0}/s | {memory} | {idle} | {seconds:.2} s{cut} |"
        )
        .expect("a string takes everything");
    }
}

fn measure(pinning: Pinning, place: Place, count: usize, hold: f64) -> anyhow::Result<Costs> {
    let (count, hold) = (count.to_string(), hold.to_string());
    let report = match place {
        Place::Memory => pinning.generate(&["in-memory", "--sessions", &count, "--hold", &hold])?,
        Place::Sockets(transport) => {
            let server = pinning.start(Server::Ours, &["--disconnect-delay", "600"])?;
            let (url, pid) = (server.url("echo"), server.pid().to_string());
            let call = ["idle", &url, "--transport", transport, "--sessions", &count];
            let more = ["--hold", &hold, "--shutdown", "--pid", &pid];
            pinning.generate(&[&call[..], &more[..]].concat())?
        }
    };
    Ok(serde_json::from_value(report)?)
}
