//! What one client that does not read does to those that do.

use std::fmt;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::check::{Batch, Content};
use crate::client::{Client, ClientError};
use crate::load::{self, Window, Workload};
use crate::process::Watched;
use crate::report::Output;
use crate::stats::{Spread, ratios};
use crate::target::Target;
use crate::transport::Transport;

/// Measure echoes with and without a client that sends a lot and reads nothing
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/echo
    target: Target,
    /// How many sessions echo
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// How often both are measured, in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    without_p99_ms: Vec<f64>,
    with_p99_ms: Vec<f64>,
    /// Of each round, with the slow client to without.
    ratio: Spread,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (without, with) in self.without_p99_ms.iter().zip(&self.with_p99_ms) {
            writeln!(
                f,
                "p99 {without:.3} ms without, {with:.3} ms with a slow client"
            )?;
        }
        write!(f, "ratio {:.3}", self.ratio)
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let mut without = Vec::new();
    let mut with = Vec::new();
    for round in 0..command.rounds {
        // Who is first changes, lest it matters.
        if round % 2 == 0 {
            without.push(p99(&command).await?);
            with.push(p99_with_slow(&command).await?);
        } else {
            with.push(p99_with_slow(&command).await?);
            without.push(p99(&command).await?);
        }
    }
    let ratio = Spread::of(&ratios(&with, &without)).context("there was no round")?;
    command.output.print(&Report {
        without_p99_ms: without,
        with_p99_ms: with,
        ratio,
    })
}

async fn p99_with_slow(command: &Command) -> anyhow::Result<f64> {
    let client = Client::open(&command.target, Transport::WebSocket).await?;
    let slow = tokio::spawn(send_only(client));
    let p99 = p99(command).await;
    slow.abort();
    p99
}

async fn p99(command: &Command) -> anyhow::Result<f64> {
    let workload = Workload {
        transport: Transport::WebSocket,
        sessions: command.sessions,
        in_flight: 1,
        size: 32,
        content: Content::Ascii,
    };
    let report = load::measure(&command.target, workload, command.window, &Watched::NOBODY).await?;
    Ok(report.latency.p99_ms)
}

/// Sends for as long as the server takes it, and reads nothing.
async fn send_only(mut client: Client) -> Result<(), ClientError> {
    let mut batch = Batch::new(0, 1, 64 * 1024, Content::Ascii);
    loop {
        client.send(batch.advance()).await?;
    }
}
