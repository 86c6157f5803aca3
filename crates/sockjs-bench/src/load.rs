//! Echoes: what is sent has to come back, equal and in order.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::check::{Batch, Content};
use crate::client::{Client, ClientError};
use crate::meter::{Latency, Meter};
use crate::process::Watched;
use crate::report::{Output, Throughput};
use crate::target::Target;
use crate::transport::Transport;

/// Send messages to an echo and check that all come back, equal and in order
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/echo
    target: Target,
    /// The mount of another node, for all requests of a session but the first
    #[arg(long)]
    through: Option<Target>,
    #[command(flatten)]
    workload: Workload,
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    server: Watched,
    #[command(flatten)]
    output: Output,
}

/// What the sessions do.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Workload {
    #[arg(long, value_enum, default_value = "websocket")]
    pub(crate) transport: Transport,
    /// How many sessions there are
    #[arg(long, default_value_t = 100)]
    pub(crate) sessions: usize,
    /// How many messages a session sends at once, before it waits for all of them
    #[arg(long, default_value_t = 1)]
    pub(crate) in_flight: usize,
    /// Bytes a message
    #[arg(long, default_value_t = 32)]
    pub(crate) size: usize,
    #[arg(long, value_enum, default_value = "ascii")]
    pub(crate) content: Content,
}

/// How long they do it.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Seconds before the measurement
    #[arg(long, default_value_t = 1.0)]
    pub(crate) warmup: f64,
    /// Seconds of the measurement
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
}

impl Window {
    pub(crate) fn warmup(self) -> Duration {
        Duration::from_secs_f64(self.warmup)
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) transport: Transport,
    pub(crate) messages: Throughput,
    /// From the sending of a batch until all of it was back.
    pub(crate) latency: Latency,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.messages.describe("messages");
        write!(f, "{}: {messages}; {}", self.transport.name(), self.latency)
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let target = command.target.through(command.through);
    let Command {
        workload,
        window,
        server,
        output,
        ..
    } = command;
    output.print(&measure(&target, workload, window, &server).await?)
}

/// Opens sessions, lets them echo, and closes them.
pub(crate) async fn measure(
    target: &Target,
    workload: Workload,
    window: Window,
    server: &Watched,
) -> anyhow::Result<Report> {
    let meter = Meter::new();
    let mut sessions = JoinSet::new();
    for client in open(target, workload.transport, workload.sessions).await? {
        let batch = workload.batch(sessions.len());
        sessions.spawn(echo(client, batch, meter.clone()));
    }
    let (messages, latency) = tokio::select! {
        measured = meter.measure(window.warmup(), window.duration(), server) => measured?,
        // None ends before it is told to, unless it fails.
        Some(ended) = sessions.join_next() => {
            ended??;
            bail!("a session ended early");
        }
    };
    let all_back = async {
        while let Some(ended) = sessions.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(PATIENCE, all_back).await {
        Ok(ended) => ended?,
        Err(_) => bail!(
            "messages were lost: {} sessions wait for some",
            sessions.len()
        ),
    }
    Ok(Report {
        transport: workload.transport,
        messages,
        latency,
    })
}

/// Opens `count` sessions, several at a time.
pub(crate) async fn open(
    target: &Target,
    transport: Transport,
    count: usize,
) -> anyhow::Result<Vec<Client>> {
    const AT_ONCE: usize = 64;
    let mut opened = Vec::with_capacity(count);
    let mut opening = JoinSet::new();
    for started in 0..count + AT_ONCE {
        if started < count {
            let target = target.clone();
            opening.spawn(async move { Client::open(&target, transport).await });
        }
        if started >= AT_ONCE || started >= count {
            let Some(client) = opening.join_next().await else {
                break;
            };
            opened.push(client?.context("cannot open a session")?);
        }
    }
    Ok(opened)
}

impl Workload {
    pub(crate) fn batch(&self, session: usize) -> Batch {
        Batch::new(session, self.in_flight, self.size, self.content)
    }
}

async fn echo(mut client: Client, mut batch: Batch, meter: Meter) -> Result<(), ClientError> {
    while !meter.is_stopped() {
        let start = Instant::now();
        let count = exchange(&mut client, &mut batch).await?;
        meter.record(count, start.elapsed());
    }
    client.close().await
}

/// Sends a batch, waits until all of it is back, and returns how many messages it had.
pub(crate) async fn exchange(client: &mut Client, batch: &mut Batch) -> Result<u64, ClientError> {
    let messages = batch.advance();
    let count = messages.len() as u64;
    client.send(messages).await?;
    while !batch.is_complete() {
        client.receive(|message| Ok(batch.check(message)?)).await?;
    }
    Ok(count)
}

/// How long echoes may take at the end, before they count as lost.
const PATIENCE: Duration = Duration::from_secs(10);
