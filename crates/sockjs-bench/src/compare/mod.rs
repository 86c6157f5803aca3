//! The comparison of ours with the stack alone and with other servers.

mod goal;
mod plot;
mod rows;
mod run;
mod table;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use crate::children::{Pinning, Server, repository};
use crate::document;
use crate::machine;
use rows::{ROWS, Row};
use run::{Round, Times};
use table::Table;

/// Compare ours with the stack alone and with other servers
///
/// A measurement that fails is missing, and the others go on.
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// How often everything is measured, in turn; memory at most three times
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds a measurement
    #[arg(long, default_value_t = 1.3)]
    seconds: f64,
    /// Seconds before each, for servers that are compiled while they run; a quarter for others
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Which rows there are, by name; all unless said otherwise
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Which servers there are
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "node,python,ws,bun,stack,ours"
    )]
    servers: Vec<Server>,
    /// Write docs/performance.md and its picture, after every round
    #[arg(long)]
    write: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let pinning = Pinning::choose();
    let rows = chosen(&command.rows)?;
    let (servers, left_out) = run::startable(pinning, &command.servers);
    let times = Times {
        warmup: command.warmup,
        seconds: command.seconds,
    };
    let mut table = Table::new(servers, rows);
    let expected = expected(&table, times, command.rounds).as_secs_f64() / 60.0;
    eprintln!("this takes about {expected:.0} minutes");

    let start = Instant::now();
    let mut failed = 0;
    for round in 1..=command.rounds {
        failed += measure(&mut table, Round::new(pinning, times), round);
        if command.write {
            write(&table, &notes(command, pinning, round, &left_out, failed))?;
        }
    }
    let notes = notes(command, pinning, command.rounds, &left_out, failed);
    if command.json {
        println!("{}", json!({ "notes": notes, "rows": table.to_json() }));
    } else {
        println!("{}{notes}", table.to_markdown());
    }
    eprintln!("took {:.1} minutes", start.elapsed().as_secs_f64() / 60.0);
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} measurements failed, and are missing"),
    }
}

/// Adds a round to the table, and returns how many measurements failed.
fn measure(table: &mut Table, mut measurements: Round, round: usize) -> usize {
    let mut failed = 0;
    for measured in &mut table.rows {
        let row = measured.row;
        let unit = row.work.unit();
        if unit.rounds(round) < round {
            continue;
        }
        let mut turns: Vec<_> = table.servers.iter().zip(&mut measured.values).collect();
        if round.is_multiple_of(2) {
            // A machine that becomes slower or faster meanwhile favours nobody.
            turns.reverse();
        }
        for (server, values) in turns {
            if !row.concerns(*server) {
                continue;
            }
            let value = measurements.measure(*server, row);
            let shown = match &value {
                Ok(value) => unit.show(*value),
                Err(error) => format!("failed: {error:#}"),
            };
            let server = server.title();
            eprintln!(
                "round {round}: {}: {}: {server}: {shown}",
                row.group, row.title
            );
            failed += usize::from(value.is_err());
            values.push(value.ok());
        }
    }
    failed
}

fn expected(table: &Table, times: Times, rounds: usize) -> Duration {
    let mut expected = Duration::ZERO;
    for row in table.rows.iter().map(|measured| measured.row) {
        let rounds = row.work.unit().rounds(rounds) as u32;
        let servers = table.servers.iter().filter(|server| row.concerns(**server));
        expected += servers
            .map(|server| times.expected(*server, row))
            .sum::<Duration>()
            * rounds;
    }
    expected
}

fn notes(
    command: &Command,
    pinning: Pinning,
    rounds: usize,
    left_out: &[Server],
    failed: usize,
) -> String {
    let mut notes = format!(
        "{rounds} rounds of {} s each, {}, {}.",
        command.seconds,
        pinning.describe(),
        machine::describe()
    );
    for server in left_out {
        notes += &format!(" {} could not be started.", server.title());
    }
    if failed > 0 {
        notes += &format!(" {failed} measurements failed, and are missing.");
    }
    notes
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
    let section = format!("{}{notes}", table.to_markdown());
    document::replace("comparison", &section)?;
    if let Some(svg) = plot::draw(table)? {
        let path = repository("docs/images/performance.svg");
        std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
