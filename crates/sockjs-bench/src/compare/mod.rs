//! The comparison of ours with the stack alone and with other servers.

mod plot;
mod rows;
mod table;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use crate::children::{Pinning, Running, Server, repository};
use crate::document;
use crate::machine;
use rows::{ROWS, Row, Unit};
use table::Table;

/// Compare ours with the stack alone and with other servers
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// How often everything is measured, in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds before each; compilers at run time take some
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
    /// Which rows there are, by name; all unless said otherwise
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Which servers there are
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "node,python,stack,ours"
    )]
    servers: Vec<Server>,
    /// Write docs/performance.md and its picture
    #[arg(long)]
    write: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let pinning = Pinning::choose();
    let servers = startable(pinning, &command.servers);
    let mut table = Table::new(servers, chosen(&command.rows)?);
    for round in 1..=command.rounds {
        for index in 0..table.rows.len() {
            let row = table.rows[index].row;
            // What an idle session costs is no matter of chance.
            if row.unit() == Unit::Share && round > 1 {
                continue;
            }
            for (column, server) in table.servers.clone().into_iter().enumerate() {
                if !row.concerns(server) {
                    continue;
                }
                let value = measure(command, pinning, server, row)
                    .with_context(|| format!("{}: {}", server.title(), row.title))?;
                let shown = row.unit().show(value);
                eprintln!("round {round}: {}: {}: {shown}", row.title, server.title());
                table.rows[index].values[column].push(value);
            }
        }
    }
    let notes = format!(
        "{} rounds of {} s each, {}, {}.",
        command.rounds,
        command.seconds,
        pinning.describe(),
        machine::describe()
    );
    if command.json {
        println!("{}", json!({ "notes": notes, "rows": table.to_json() }));
    } else {
        println!("{}\n{notes}", table.to_markdown());
    }
    if command.write {
        write(&table, &notes)?;
    }
    Ok(())
}

fn chosen(ids: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    if let Some(id) = ids.iter().find(|id| ROWS.iter().all(|row| row.id != **id)) {
        let known: Vec<_> = ROWS.iter().map(|row| row.id).collect();
        bail!("there is no row {id}, but {}", known.join(", "));
    }
    let chosen = |row: &&Row| ids.is_empty() || ids.iter().any(|id| row.id == *id);
    Ok(ROWS.iter().filter(chosen).collect())
}

/// Leaves out what cannot be started here, such as a server whose language is not there.
fn startable(pinning: Pinning, servers: &[Server]) -> Vec<Server> {
    let starts = |server: &Server| match start(pinning, *server) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("left out: {error:#}");
            false
        }
    };
    servers.iter().copied().filter(starts).collect()
}

fn start(pinning: Pinning, server: Server) -> anyhow::Result<Running> {
    // Between two polls, sessions are to live for as long as somebody looks at them.
    pinning.start(server, &["--disconnect-delay", "600"])
}

/// Measures a server that has done nothing else yet.
fn measure(command: &Command, pinning: Pinning, server: Server, row: &Row) -> anyhow::Result<f64> {
    let running = start(pinning, server)?;
    let (call, place) = row.generator(server);
    let [subcommand, mount, arguments @ ..] = &call[..] else {
        unreachable!("a row names a subcommand and a mount");
    };
    let (url, pid) = (running.url(mount), running.pid().to_string());
    let (warmup, seconds) = (command.warmup.to_string(), command.seconds.to_string());
    let mut generator = vec![*subcommand, &url, "--pid", &pid];
    generator.extend(arguments);
    if row.unit() == Unit::PerCpuSecond {
        generator.extend(["--warmup", &warmup, "--seconds", &seconds]);
    }
    let report = pinning.generate(&generator)?;
    let value = report.pointer(place).and_then(serde_json::Value::as_f64);
    value.with_context(|| format!("the report has no {place}"))
}

fn write(table: &Table, notes: &str) -> anyhow::Result<()> {
    let section = format!("{}\n{notes}", table.to_markdown());
    document::replace("comparison", &section)?;
    if let Some(svg) = plot::draw(table)? {
        let path = repository("docs/images/performance.svg");
        std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
