//! How costs grow with the number of sessions.

mod costs;
mod heartbeats;

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;

use crate::children::{Pinning, Server, Threads};
use crate::target::Scheme;
use crate::{document, machine, process};
use costs::Costs;

/// Hold up to a million sessions of our server, and see what they cost and how they end
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// Seconds that sessions are held; the default has one heartbeat of each
    #[arg(long, default_value_t = 26.0)]
    hold: f64,
    /// Leave out what has more sessions than this
    #[arg(long, default_value_t = usize::MAX)]
    most: usize,
    /// Write docs/performance.md, after every row
    #[arg(long)]
    write: bool,
}

/// Where sessions come from.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Connections from another process.
    Sockets(Scheme, &'static str),
    /// Connections within the server's process.
    Memory,
}

struct Row {
    title: &'static str,
    place: Place,
    counts: &'static [usize],
}

/// Descriptors end at 20,000 a process on many machines, and so do sessions that have one each.
const ROWS: &[Row] = &[
    Row {
        title: "websocket",
        place: Place::Sockets(Scheme::Http, "websocket"),
        counts: &[1_000, 10_000, 15_000],
    },
    Row {
        title: "xhr_streaming",
        place: Place::Sockets(Scheme::Http, "xhr-streaming"),
        counts: &[1_000, 10_000, 15_000],
    },
    Row {
        title: "xhr_streaming over HTTP/2, 100 to a connection",
        place: Place::Sockets(Scheme::Http2, "xhr-streaming"),
        counts: &[1_000, 15_000, 100_000],
    },
    Row {
        title: "xhr polling, between polls",
        place: Place::Sockets(Scheme::Http, "xhr-polling"),
        counts: &[1_000, 10_000, 100_000, 1_000_000],
    },
    Row {
        title: "websocket in memory, both ends",
        place: Place::Memory,
        counts: &[1_000, 10_000, 100_000, 1_000_000],
    },
];

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let pinning = Pinning::choose();
    let mut tables = Tables {
        sessions: costs::HEAD.to_owned(),
        heartbeats: heartbeats::HEAD.to_owned(),
        notes: notes(pinning, command.hold),
    };
    let rows: usize = ROWS.iter().map(|row| row.counts.len()).sum();
    let expected = rows as f64 * (command.hold + 8.0) / 60.0 + 2.0;
    eprintln!("this takes about {expected:.0} minutes");

    let start = Instant::now();
    let mut failed = 0;
    for row in ROWS {
        let mut each = None;
        for &count in row.counts.iter().filter(|count| **count <= command.most) {
            let count = fitting(count, each);
            match measure(pinning, row.place, count, command.hold) {
                Ok(costs) => {
                    each = costs.memory_per_session;
                    let line = costs.row(row.title, count);
                    eprint!("{line}");
                    tables.sessions += &line;
                }
                Err(error) => {
                    eprintln!("{}: {count}: failed: {error:#}", row.title);
                    failed += 1;
                }
            }
            tables.write(command.write)?;
        }
    }
    for beating in heartbeats::ROWS
        .iter()
        .filter(|row| row.sessions <= command.most)
    {
        match beating.measure(pinning) {
            Ok(line) => {
                eprint!("{line}");
                tables.heartbeats += &line;
            }
            Err(error) => {
                eprintln!("heartbeats: {beating:?}: failed: {error:#}");
                failed += 1;
            }
        }
        tables.write(command.write)?;
    }
    println!("{}", tables.text());
    eprintln!("took {:.1} minutes", start.elapsed().as_secs_f64() / 60.0);
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} rows failed, and are missing"),
    }
}

struct Tables {
    sessions: String,
    heartbeats: String,
    notes: String,
}

impl Tables {
    fn text(&self) -> String {
        let Self {
            sessions,
            heartbeats,
            notes,
        } = self;
        format!("{sessions}\n{heartbeats}\n{notes}")
    }

    fn write(&self, write: bool) -> anyhow::Result<()> {
        if write {
            document::replace("scale", &self.text())?;
        }
        Ok(())
    }
}

fn notes(pinning: Pinning, hold: f64) -> String {
    let pinned = match pinning {
        Pinning::Cores { .. } => "those in memory on one core, all others with two",
        Pinning::None => "nothing pinned",
    };
    format!("Held for {hold} s; {pinned}, {}.", machine::describe())
}

/// Returns as many of `count` sessions as the machine has memory for, if they cost `each`.
fn fitting(count: usize, each: Option<f64>) -> usize {
    /// The rest is for the generator, and for whatever else there is.
    const SHARE: f64 = 0.7;
    const STEP: usize = 10_000;
    let Some((each, available)) = each.zip(process::available_memory()) else {
        return count;
    };
    let most = (available as f64 * SHARE / each) as usize;
    if count <= most {
        return count;
    }
    eprintln!("there is no memory for {count} sessions of {each:.0} bytes");
    (most / STEP * STEP).max(STEP)
}

fn measure(pinning: Pinning, place: Place, count: usize, hold: f64) -> anyhow::Result<Costs> {
    let patience = Duration::from_secs_f64(120.0 + hold + count as f64 / SLOWEST);
    let (count, hold) = (count.to_string(), hold.to_string());
    let report = match place {
        Place::Memory => {
            let call = ["in-memory", "--sessions", &count, "--hold", &hold];
            pinning.generate(&call, patience)?
        }
        Place::Sockets(scheme, transport) => {
            let lasting = ["--disconnect-delay", "600", "--over", scheme.served_by()];
            let server = pinning.start(Server::Ours, Threads::One, &lasting)?;
            let (url, pid) = (server.url(scheme, "echo"), server.pid().to_string());
            let call = ["idle", &url, "--transport", transport, "--sessions", &count];
            let more = ["--hold", &hold, "--shutdown", "--pid", &pid];
            pinning.generate(&[&call[..], &more[..]].concat(), patience)?
        }
    };
    Ok(serde_json::from_value(report)?)
}

/// How many sessions a second are at least opened and closed, or it has failed.
const SLOWEST: f64 = 2_000.0;
