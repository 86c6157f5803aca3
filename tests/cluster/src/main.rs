//! Three nodes behind HAProxy, which sends each request to the next one: `tests/cluster/run`.
//!
//! | Part | What it does |
//! |---|---|
//! | `clients` | our client, raw clients, and the JavaScript client under Node, over every transport |
//! | `wire` | what a session is told whose requests go to different nodes |
//! | `rolling` | all nodes are replaced while people chat |
//! | `faults` | clients over every transport while nodes, links and store fail |
//! | `browsers` | the matrix of tests/e2e in Chromium |

mod browsers;
mod checker;
mod clients;
mod faults;
mod http;
mod load;
mod log;
mod rolling;
mod site;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::site::{Program, Site, scratch};

#[derive(Debug, Parser)]
struct Options {
    /// The folder of the servers' programs.
    #[arg(long)]
    bin: PathBuf,
    /// The folder `tests`.
    #[arg(long)]
    tests: PathBuf,
    /// Runs the faults three times.
    #[arg(long)]
    long: bool,
    /// The parts to run. Without any, all are.
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Part {
    Wire,
    Clients,
    Faults,
    Rolling,
    Browsers,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut options = Options::parse();
    if options.parts.is_empty() {
        options.parts = Part::value_variants().to_vec();
    }
    let mut run = Run::default();
    let start = Instant::now();
    // Browsers take long, and the other parts wait most of the time.
    let browsers = options.parts.contains(&Part::Browsers).then(|| {
        let (bin, e2e) = (options.bin.clone(), options.tests.join("e2e"));
        tokio::spawn(async move { browsers::run(&bin, &e2e).await })
    });
    for part in options.parts.iter().copied() {
        if part == Part::Browsers {
            continue;
        }
        println!("{part:?}");
        let since = Instant::now();
        let outcome = run.part(part, &options).await;
        run.report(&format!("{part:?}"), since, outcome);
    }
    if let Some(browsers) = browsers {
        let outcome = joined(browsers).await.map(|report| println!("{report}"));
        run.report("Browsers", start, outcome);
    }
    if let Some(is_empty) = run.directory.take() {
        let outcome = joined(is_empty).await;
        run.report(
            "The directory is empty, and no handler runs",
            start,
            outcome,
        );
    }
    if run.failed == 0 {
        // What is left of it is not worth a failure.
        let _ = std::fs::remove_dir_all(scratch());
        return ExitCode::SUCCESS;
    }
    println!(
        "{} parts failed; logs are in {}",
        run.failed,
        scratch().display()
    );
    ExitCode::FAILURE
}

async fn joined<T>(task: JoinHandle<Result<T>>) -> Result<T> {
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => Err(error.into()),
    }
}

#[derive(Default)]
struct Run {
    failed: usize,
    /// Waits until the directory has forgotten the sessions of the faults, while other parts run.
    directory: Option<JoinHandle<Result<()>>>,
}

impl Run {
    async fn part(&mut self, part: Part, options: &Options) -> Result<()> {
        let mut site = Site::start(Program {
            path: options.bin.join("test-server"),
            env: Vec::new(),
        })
        .await?;
        match part {
            Part::Clients => clients::run(&site, &options.tests.join("clients")).await,
            Part::Wire => wire::run(&site).await,
            Part::Rolling => rolling::run(&mut site).await,
            Part::Faults => {
                let outcome = faults::run(&mut site, if options.long { 3 } else { 1 }).await;
                self.directory = Some(tokio::spawn(async move { site.no_entries().await }));
                outcome
            }
            // They run beside all others.
            Part::Browsers => Ok(()),
        }
    }

    fn report(&mut self, what: &str, since: Instant, outcome: Result<()>) {
        let seconds = since.elapsed().as_secs();
        match outcome {
            Ok(()) => println!("{what}: passed in {seconds} s\n"),
            Err(error) => {
                println!("{what}: FAILED in {seconds} s: {error:#}\n");
                self.failed += 1;
            }
        }
    }
}
