//! Sessions that come and go, some of them badly.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::check::{Batch, Content};
use crate::client::{Client, ClientError, Connection, Request};
use crate::load::exchange;
use crate::meter::Meter;
use crate::process::Watched;
use crate::report::Output;
use crate::target::Target;
use crate::transport::Transport;

/// Open, echo and end sessions of every transport in turn, and watch the server's memory
///
/// Two thirds of the sessions end with nothing under way. The others drop their connections while an
/// echo is.
#[derive(Args, Debug)]
pub(crate) struct Command {
    /// The mount: http://127.0.0.1:8081/echo
    target: Target,
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// How many sessions there are at a time
    #[arg(long, default_value_t = 50)]
    concurrent: usize,
    /// Seconds that sessions may be left behind at the end, before they count as left for ever
    #[arg(long, default_value_t = 30.0)]
    patience: f64,
    #[command(flatten)]
    server: Watched,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    seconds: f64,
    sessions: u64,
    /// The server's memory in bytes, second by second.
    memory: Vec<u64>,
    /// The sessions that the server of this crate has in the end.
    sessions_left: Option<usize>,
}

impl Report {
    /// Returns the mean memory of the second minute and of the last, in bytes.
    fn minutes(&self) -> Option<(u64, u64)> {
        let mean = |memory: &[u64]| memory.iter().sum::<u64>() / memory.len() as u64;
        let second = self.memory.get(60..120)?;
        let last = self.memory.last_chunk::<60>()?;
        Some((mean(second), mean(last)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        write!(f, "{} sessions in {:.0} s", self.sessions, self.seconds)?;
        if let (Some(first), Some(last)) = (self.memory.first(), self.memory.last()) {
            let (first, last) = (mebibytes(*first), mebibytes(*last));
            write!(
                f,
                "; memory {first:.1} MiB after a second, {last:.1} MiB at the end"
            )?;
        }
        if let Some((second, last)) = self.minutes() {
            let (second, last) = (mebibytes(second), mebibytes(last));
            write!(
                f,
                ", {second:.1} MiB in the second minute, {last:.1} MiB in the last"
            )?;
        }
        if let Some(left) = self.sessions_left {
            write!(f, "; {left} sessions left")?;
        }
        Ok(())
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let meter = Meter::new();
    let mut workers = JoinSet::new();
    for worker in 0..command.concurrent {
        workers.spawn(come_and_go(command.target.clone(), worker, meter.clone()));
    }
    let start = Instant::now();
    let mut memory = Vec::new();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    // The first tick is at once.
    seconds.tick().await;
    while start.elapsed().as_secs_f64() < command.seconds {
        tokio::select! {
            _ = seconds.tick() => memory.extend(command.server.look()?.memory),
            Some(ended) = workers.join_next() => {
                ended??;
                bail!("there is nobody to open sessions");
            }
        }
    }
    meter.stop();
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    command.output.print(&Report {
        seconds: start.elapsed().as_secs_f64(),
        sessions: meter.count(),
        memory,
        sessions_left: sessions_left(&command).await?,
    })
}

async fn come_and_go(target: Target, worker: usize, meter: Meter) -> Result<(), ClientError> {
    // Transports are seven and ends are three, so that all pairs come.
    let transports = Transport::value_variants().iter().cycle().skip(worker);
    for (turn, transport) in transports.enumerate() {
        if meter.is_stopped() {
            break;
        }
        let start = Instant::now();
        let mut client = Client::open(&target, *transport).await?;
        let mut batch = Batch::new(worker, 4, 64, Content::Json);
        for _ in 0..3 {
            exchange(&mut client, &mut batch).await?;
        }
        if turn % 3 == 0 {
            client.send(batch.advance()).await?;
        } else {
            client.close().await?;
        }
        meter.record(1, start.elapsed());
    }
    Ok(())
}

/// Asks our server how many sessions it has until there is none. Other servers have no answer.
async fn sessions_left(command: &Command) -> anyhow::Result<Option<usize>> {
    let mut connection = Connection::new(&command.target);
    let start = Instant::now();
    loop {
        let answer = match connection.fetch(Request::get("/sessions")).await {
            Err(ClientError::Status { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        let left = std::str::from_utf8(&answer)?.parse()?;
        if left == 0 || start.elapsed().as_secs_f64() > command.patience {
            return Ok(Some(left));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
