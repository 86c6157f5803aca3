//! One speaks and all hear.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::check::{Batch, Content, Wrong};
use crate::client::{Client, ClientError};
use crate::load::{self, Window};
use crate::meter::{Latency, Meter};
use crate::process::Watched;
use crate::report::{Output, Throughput};
use crate::target::Target;
use crate::transport::Transport;

/// Send messages that every session gets, the next once all have the one before
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/broadcast
    target: Target,
    /// The mount of another node, which has as many sessions; several, with commas between them
    #[arg(long, value_delimiter = ',')]
    also: Vec<Target>,
    #[arg(long, value_enum, default_value = "websocket")]
    transport: Transport,
    /// How many sessions a node has, the one that sends included
    #[arg(long, default_value_t = 500)]
    sessions: usize,
    /// How many more there are that must hear nothing
    #[arg(long, default_value_t = 0)]
    bystanders: usize,
    /// Let all but the bystanders ask to be in the topic
    #[arg(long)]
    join: bool,
    /// How many messages are sent at once
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Bytes a message
    #[arg(long, default_value_t = 32)]
    size: usize,
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
    deliveries: Throughput,
    /// Until all sessions had a message.
    latency: Latency,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deliveries = self.deliveries.describe("deliveries");
        write!(
            f,
            "{}: {deliveries}; {}",
            self.transport.name(),
            self.latency
        )
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let batch = || Batch::new(0, command.in_flight, command.size, Content::Ascii);
    let mut clients = Vec::new();
    // The speaker is the last one.
    for target in command.also.iter().chain([&command.target]) {
        clients.extend(load::open(target, command.transport, command.sessions).await?);
    }
    let hearers = clients.len();
    if command.join {
        for client in &mut clients {
            join(client).await?;
        }
    }
    let Some(speaker) = clients.pop() else {
        bail!("a broadcast needs a session");
    };
    let round = Round::new(clients.len());
    let meter = Meter::new();
    let mut sessions = JoinSet::new();
    for listener in clients {
        sessions.spawn(listen(listener, batch(), round.clone()));
    }
    for bystander in load::open(&command.target, command.transport, command.bystanders).await? {
        sessions.spawn(hear_nothing(bystander));
    }
    let per_round = (hearers * command.in_flight) as u64;
    sessions.spawn(speak(speaker, batch(), round, per_round, meter.clone()));

    let window = command.window;
    let (deliveries, latency) = tokio::select! {
        measured = meter.measure(window.warmup(), window.duration(), &command.server) => measured?,
        Some(ended) = sessions.join_next() => {
            ended??;
            bail!("a session ended early");
        }
    };
    command.output.print(&Report {
        transport: command.transport,
        deliveries,
        latency,
    })
}

/// How many listeners have yet to hear what was said.
#[derive(Clone, Debug)]
struct Round(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    listeners: usize,
    missing: AtomicUsize,
    all_heard: Notify,
}

impl Round {
    fn new(listeners: usize) -> Self {
        Self(Arc::new(Shared {
            listeners,
            missing: AtomicUsize::new(listeners),
            all_heard: Notify::new(),
        }))
    }

    fn heard(&self) {
        if self.0.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.missing.store(self.0.listeners, Ordering::Release);
            self.0.all_heard.notify_one();
        }
    }

    async fn all_heard(&self) {
        if self.0.listeners > 0 {
            self.0.all_heard.notified().await;
        }
    }
}

/// Asks for the messages of the topic, and waits for the answer.
async fn join(client: &mut Client) -> Result<(), ClientError> {
    client.send(&["join".to_owned()]).await?;
    let mut joined = false;
    while !joined {
        client
            .receive(|answer| {
                joined |= answer == "joined";
                Ok(())
            })
            .await?;
    }
    Ok(())
}

async fn hear_nothing(mut client: Client) -> Result<(), ClientError> {
    loop {
        client
            .receive(|message| Err(Wrong::Surplus(message.to_owned()).into()))
            .await?;
    }
}

async fn listen(mut client: Client, mut batch: Batch, round: Round) -> Result<(), ClientError> {
    loop {
        batch.advance();
        while !batch.is_complete() {
            client.receive(|message| Ok(batch.check(message)?)).await?;
        }
        round.heard();
    }
}

async fn speak(
    mut client: Client,
    mut batch: Batch,
    round: Round,
    deliveries: u64,
    meter: Meter,
) -> Result<(), ClientError> {
    loop {
        let start = Instant::now();
        load::exchange(&mut client, &mut batch).await?;
        round.all_heard().await;
        meter.record(deliveries, start.elapsed());
    }
}
