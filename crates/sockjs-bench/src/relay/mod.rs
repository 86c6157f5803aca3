//! What it costs that any node answers any request.

mod rows;
mod run;
mod table;

use std::time::Instant;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use crate::children::{Pinning, Store};
use crate::{document, machine};
use rows::{ROWS, Row};
use run::Times;
use table::Table;

/// Measure what a cluster costs: relayed requests, claims, topics, and all other traffic
///
/// A measurement that fails is missing, and the others go on.
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// How often everything is measured, in turn; idle streams once
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds a measurement
    #[arg(long, default_value_t = 1.2)]
    seconds: f64,
    /// Seconds before each
    #[arg(long, default_value_t = 0.25)]
    warmup: f64,
    /// Which rows there are, by name; all unless said otherwise
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// How many idle streams there are; with 0 they are left out
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// Seconds that idle streams are held; the default has one heartbeat of each
    #[arg(long, default_value_t = 26.0)]
    hold: f64,
    /// Write docs/performance.md, and docs/cluster.md if there is one, after every round
    #[arg(long)]
    write: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let pinning = Pinning::choose();
    let store = Store::start(pinning)?;
    let times = Times {
        warmup: command.warmup,
        seconds: command.seconds,
    };
    let rows = chosen(&command.rows)?;
    let jobs = rows::jobs(&rows);
    let expected = command.rounds as f64 * jobs.len() as f64 * (times.warmup + times.seconds + 0.8)
        + command.hold
        + 15.0;
    eprintln!("this takes about {:.0} minutes", expected / 60.0);

    let start = Instant::now();
    let mut table = Table::new(rows, command.streams);
    let mut failed = 0;
    if command.streams > 0 {
        match run::hold(pinning, &store, command.streams, command.hold) {
            Ok(idle) => {
                eprintln!("{idle:?}");
                table.set_idle(idle);
            }
            Err(error) => {
                eprintln!("idle streams: failed: {error:#}");
                failed += 1;
            }
        }
    }
    for round in 1..=command.rounds {
        let mut jobs = jobs.clone();
        // A machine that gets faster or slower favours the first and the second of a row in turn.
        if round % 2 == 0 {
            jobs.reverse();
        }
        for job in jobs {
            let value = run::measure(pinning, &store, job, times);
            let shown = match &value {
                Ok(value) => format!("{value:.0}"),
                Err(error) => format!("failed: {error:#}"),
            };
            eprintln!("round {round}: {}: {shown}", job.title());
            failed += usize::from(value.is_err());
            table.push(job, value.ok());
        }
        if command.write {
            write(&table, &notes(command, pinning, &store, round, failed))?;
        }
    }
    let notes = notes(command, pinning, &store, command.rounds, failed);
    if command.json {
        println!("{}", json!({ "notes": notes, "table": table.to_json() }));
    } else {
        println!("{}\n{notes}", table.to_markdown());
    }
    eprintln!("took {:.1} minutes", start.elapsed().as_secs_f64() / 60.0);
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} measurements failed, and are missing"),
    }
}

fn chosen(ids: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    if let Some(id) = ids.iter().find(|id| ROWS.iter().all(|row| row.id != **id)) {
        let known: Vec<_> = ROWS.iter().map(|row| row.id).collect();
        bail!("there is no row {id}, but {}", known.join(", "));
    }
    let chosen = |row: &&Row| ids.is_empty() || ids.iter().any(|id| row.id == *id);
    Ok(ROWS.iter().filter(chosen).collect())
}

fn write(table: &Table, notes: &str) -> anyhow::Result<()> {
    let text = format!("{}\n{notes}", table.to_markdown());
    document::replace("relay", &text)?;
    document::replace_in_cluster_page(&text)
}

fn notes(
    command: &Command,
    pinning: Pinning,
    store: &Store,
    rounds: usize,
    failed: usize,
) -> String {
    let mut notes = format!(
        "{rounds} rounds of {} s each, {}, {}; {}.",
        command.seconds,
        pinning.describe_nodes(),
        machine::describe(),
        store.describe()
    );
    if failed > 0 {
        notes += &format!(" {failed} measurements failed, and are missing.");
    }
    notes
}
