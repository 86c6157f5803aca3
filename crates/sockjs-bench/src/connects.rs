//! Sessions that are opened only to be closed.

use std::fmt;
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::client::{self, Client, ClientError, Connection};
use crate::load::Window;
use crate::meter::{Latency, Meter};
use crate::process::Watched;
use crate::report::{Output, Throughput};
use crate::target::{SessionId, Target};
use crate::transport::Transport;

/// Open sessions, wait for their open frame, and close them
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/echo
    target: Target,
    #[arg(long, value_enum, default_value = "websocket")]
    transport: Transport,
    /// How many are opened at a time
    #[arg(long, default_value_t = 32)]
    concurrent: usize,
    /// Open each session with a poll and leave it, over connections that stay; the server ends it after
    /// its disconnect delay
    #[arg(long)]
    reuse: bool,
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    server: Watched,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    transport: Transport,
    connects: Throughput,
    latency: Latency,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connects = self.connects.describe("sessions");
        write!(f, "{}: {connects}; {}", self.transport.name(), self.latency)
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let meter = Meter::new();
    let mut workers = JoinSet::new();
    for _ in 0..command.concurrent {
        let target = command.target.clone();
        match command.reuse {
            true => workers.spawn(poll(target, meter.clone())),
            false => workers.spawn(connect(target, command.transport, meter.clone())),
        };
    }
    let window = command.window;
    let (connects, latency) = tokio::select! {
        measured = meter.measure(window.warmup(), window.duration(), &command.server) => measured?,
        Some(ended) = workers.join_next() => {
            ended??;
            bail!("there is nobody to open sessions");
        }
    };
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    command.output.print(&Report {
        transport: command.transport,
        connects,
        latency,
    })
}

async fn connect(target: Target, transport: Transport, meter: Meter) -> Result<(), ClientError> {
    while !meter.is_stopped() {
        let start = Instant::now();
        Client::open(&target, transport).await?.close().await?;
        meter.record(1, start.elapsed());
    }
    Ok(())
}

async fn poll(target: Target, meter: Meter) -> Result<(), ClientError> {
    let mut connection = Connection::new(&target);
    while !meter.is_stopped() {
        let start = Instant::now();
        client::open_with_poll(&mut connection, &target, &SessionId::fresh()).await?;
        meter.record(1, start.elapsed());
    }
    Ok(())
}
