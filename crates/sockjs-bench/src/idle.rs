//! Sessions that do nothing but exist.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::check::{Batch, Content};
use crate::client::{self, Client, ClientError};
use crate::load;
use crate::polled::Polled;
use crate::process::{Look, Watched};
use crate::report::{Output, Throughput};
use crate::target::Target;
use crate::transport::Transport;

/// Open sessions that stay idle, and see what they cost
///
/// Those of the polling transports are between two polls. Their server needs a disconnect delay that
/// is longer than all of this takes.
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/echo
    target: Target,
    /// The mount of another node, for all requests of a session but the first
    #[arg(long)]
    through: Option<Target>,
    #[arg(long, value_enum, default_value = "websocket")]
    transport: Transport,
    /// How many sessions there are
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// Seconds to hold them and see what processor time that takes
    #[arg(long, default_value_t = 0.0)]
    hold: f64,
    /// Read nothing once the sessions are open; at `/flood` the server never stops sending
    #[arg(long, conflicts_with_all = ["hold", "shutdown"])]
    unread: bool,
    /// Let every session echo a message of so many bytes before it is idle
    #[arg(long, default_value_t = 0)]
    burst: usize,
    /// Ask the server of this crate to shut down, and see how long that takes
    #[arg(long)]
    shutdown: bool,
    #[command(flatten)]
    server: Watched,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) transport: Transport,
    pub(crate) opened: Throughput,
    /// Bytes that the server's memory grew by.
    pub(crate) memory_per_session: Option<f64>,
    /// The same, for each process that is watched.
    pub(crate) memory_by_process: Vec<f64>,
    pub(crate) held: Option<Held>,
    pub(crate) shutdown: Option<Shutdown>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Held {
    seconds: f64,
    cpu_seconds: f64,
    /// Of one core.
    cpu_share: f64,
}

/// How all sessions ended at the server's will.
#[derive(Debug, Serialize)]
pub(crate) struct Shutdown {
    /// Until every client has heard that its session is closed.
    pub(crate) seconds: f64,
    /// What the server says of it.
    pub(crate) server: Value,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opened = self.opened.describe("sessions");
        write!(f, "{}: {opened}", self.transport.name())?;
        if let Some(bytes) = self.memory_per_session {
            write!(f, "; {bytes:.0} bytes each")?;
        }
        if self.memory_by_process.len() > 1 {
            write!(f, " ({:.0?} by process)", self.memory_by_process)?;
        }
        if let Some(Held {
            seconds, cpu_share, ..
        }) = self.held
        {
            write!(
                f,
                "; {:.2} % of a core over {seconds:.0} s",
                cpu_share * 100.0
            )?;
        }
        if let Some(Shutdown { seconds, server }) = &self.shutdown {
            write!(f, "; all closed after {seconds:.2} s: {server}")?;
        }
        Ok(())
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let target = command.target.through(command.through);
    let Command {
        transport,
        sessions: count,
        server,
        ..
    } = command;
    // The first ones also bring in code and tables, which is no cost of a session.
    let mut sessions = Sessions::new(&target, transport, command.unread);
    let burst = command.burst;
    // A few are enough to grow what the server has only once.
    sessions
        .open(
            FIRST,
            Burst {
                size: burst,
                of: 10,
            },
        )
        .await?;
    let before = settled(&server).await?;
    let all = Burst {
        size: burst,
        of: count,
    };
    sessions.open(count, all).await?;
    let opened = server.look()?.since(&before);
    let grown = settled(&server).await?.since(&before);
    let time = Duration::from_secs_f64(command.hold);
    let held = hold(&mut sessions.connected, time, &server).await?;
    let shutdown = match command.shutdown {
        true => Some(sessions.shut_down().await?),
        false => None,
    };
    command.output.print(&Report {
        transport,
        opened: Throughput::new(count as u64, opened),
        memory_per_session: grown.memory.map(|grown| grown / count as f64),
        memory_by_process: grown
            .memories
            .iter()
            .map(|grown| grown / count as f64)
            .collect(),
        held,
        shutdown,
    })
}

/// Sessions that wait for nothing in particular.
struct Sessions {
    target: Target,
    transport: Transport,
    /// One task a session that has a connection.
    connected: JoinSet<Result<(), ClientError>>,
    /// Those that have none.
    polled: Polled,
    /// Those that have one and do not read, if that is wanted.
    unread: Option<Vec<Client>>,
}

/// A message that some sessions echo before they are idle, one after the other.
#[derive(Clone, Copy, Debug)]
struct Burst {
    /// In bytes; none for no message.
    size: usize,
    /// How many sessions.
    of: usize,
}

impl Sessions {
    fn new(target: &Target, transport: Transport, unread: bool) -> Self {
        Self {
            target: target.clone(),
            transport,
            connected: JoinSet::new(),
            polled: Polled::new(target),
            unread: unread.then(Vec::new),
        }
    }

    async fn open(&mut self, count: usize, burst: Burst) -> anyhow::Result<()> {
        match self.transport {
            Transport::XhrPolling => self.polled.open(count).await?,
            Transport::JsonpPolling => bail!("idle sessions are polled with xhr-polling"),
            transport => {
                let mut clients = load::open(&self.target, transport, count).await?;
                if burst.size > 0 {
                    for client in clients.iter_mut().take(burst.of) {
                        let mut batch = Batch::new(0, 1, burst.size, Content::Ascii);
                        load::exchange(client, &mut batch).await?;
                    }
                }
                match &mut self.unread {
                    Some(unread) => unread.extend(clients),
                    None => {
                        for client in clients {
                            self.connected.spawn(client.wait_for_close());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn shut_down(mut self) -> anyhow::Result<Shutdown> {
        let start = Instant::now();
        let target = self.target.clone();
        let answer =
            tokio::spawn(async move { client::ask(&target, "/shutdown?seconds=300").await });
        self.polled.expect_close().await?;
        while let Some(ended) = self.connected.join_next().await {
            ended??;
        }
        let seconds = start.elapsed().as_secs_f64();
        let answer = answer.await?.context("no shutdown")?;
        Ok(Shutdown {
            seconds,
            server: serde_json::from_slice(&answer)?,
        })
    }
}

/// Waits until the server takes no more memory.
async fn settled(server: &Watched) -> anyhow::Result<Look> {
    let mut last = server.look()?;
    loop {
        tokio::time::sleep(SETTLE).await;
        let look = server.look()?;
        if look.memory <= last.memory {
            return Ok(look);
        }
        last = look;
    }
}

/// Waits, and sees what processor time the server takes to hold sessions, none of which may end.
pub(crate) async fn hold(
    sessions: &mut JoinSet<Result<(), ClientError>>,
    time: Duration,
    server: &Watched,
) -> anyhow::Result<Option<Held>> {
    if time.is_zero() {
        return Ok(None);
    }
    let before = server.look()?;
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        Some(ended) = sessions.join_next() => {
            ended??;
            bail!("a session was closed");
        }
    }
    let change = server.look()?.since(&before);
    Ok(change.cpu_seconds.map(|cpu_seconds| Held {
        seconds: change.seconds,
        cpu_seconds,
        cpu_share: cpu_seconds / change.seconds,
    }))
}

/// How many sessions are open before the measurement.
pub(crate) const FIRST: usize = 100;

/// How long a server may be busy with what it was last asked.
pub(crate) const SETTLE: Duration = Duration::from_millis(500);
