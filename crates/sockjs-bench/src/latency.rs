//! How long echoes take under a load that the server can bear.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use crate::check::Batch;
use crate::client::{Client, ClientError};
use crate::load::{self, Window, Workload};
use crate::meter::{Latency, Meter};
use crate::process::Watched;
use crate::report::{Output, Throughput};
use crate::target::Target;

/// Find out how many messages a second the server echoes, and how long they take at half of that
///
/// Messages are due at even intervals, whether the ones before them are back or not. A latency counts
/// from the moment that a message was due. So a server that stops for a while is charged with every
/// message that it kept waiting.
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/echo
    target: Target,
    #[command(flatten)]
    workload: Workload,
    /// The share of the greatest load that is sent
    #[arg(long, default_value_t = 0.5)]
    share: f64,
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    server: Watched,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Messages a second when each is sent as soon as the one before is back.
    greatest: f64,
    /// Whether nearly as many came back as were due. Otherwise the machine has other work, and the
    /// latencies say how much.
    kept_up: bool,
    messages: Throughput,
    latency: Latency,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.messages.describe("messages");
        let Self {
            greatest, latency, ..
        } = self;
        write!(f, "of {greatest:.0}/s at most: {messages}; {latency}")?;
        if !self.kept_up {
            write!(f, "; the server did not keep up")?;
        }
        Ok(())
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let Command {
        target,
        workload,
        window,
        server,
        ..
    } = command;
    let greatest = load::measure(&target, workload, window, &Watched::NOBODY).await?;
    let greatest = greatest.messages.per_second;

    let meter = Meter::new();
    let mut sessions = JoinSet::new();
    let mut dues = Vec::new();
    for client in load::open(&target, workload.transport, workload.sessions).await? {
        let (sender, due) = mpsc::unbounded_channel();
        let batch = workload.batch(sessions.len());
        sessions.spawn(echo(client, batch, due, meter.clone()));
        dues.push(sender);
    }
    // The server is warm, but the sessions are new.
    let warmup = window.warmup().min(Duration::from_millis(200));
    let batches = greatest * command.share / workload.in_flight as f64;
    let (messages, latency) = tokio::select! {
        measured = meter.measure(warmup, window.duration(), &server) => measured?,
        Some(ended) = sessions.join_next() => {
            ended??;
            bail!("a session ended early");
        }
        () = pace(batches, dues) => bail!("there is no session"),
    };
    command.output.print(&Report {
        greatest,
        kept_up: messages.per_second > 0.9 * greatest * command.share,
        messages,
        latency,
    })
}

/// Lets one session after the other know that it has to send, `rate` times a second.
///
/// The runtime's timers count in milliseconds, which is too coarse, so this does not sleep. The
/// generator has a core of its own.
async fn pace(rate: f64, sessions: Vec<UnboundedSender<Instant>>) {
    let interval = Duration::from_secs_f64(1.0 / rate);
    let mut due = Instant::now();
    let mut sessions = sessions.iter().cycle();
    loop {
        let now = Instant::now();
        while due <= now {
            let Some(session) = sessions.next() else {
                return;
            };
            // A session that has ended reports why by itself.
            let _ = session.send(due);
            due += interval;
        }
        tokio::task::yield_now().await;
    }
}

/// Sends when it is due, or late if the batch before is not back by then.
async fn echo(
    mut client: Client,
    mut batch: Batch,
    mut dues: UnboundedReceiver<Instant>,
    meter: Meter,
) -> Result<(), ClientError> {
    while let Some(due) = dues.recv().await {
        let count = load::exchange(&mut client, &mut batch).await?;
        meter.record(count, due.elapsed());
    }
    Ok(())
}
