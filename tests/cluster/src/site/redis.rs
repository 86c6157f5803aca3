use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::process::{Process, free_port, scratch};

/// A `redis-server` of its own, which keeps nothing on disk.
#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    process: Process,
}

impl Redis {
    pub(crate) async fn start() -> Result<Self> {
        let port = free_port().await?;
        let process = spawn(port).await?;
        Ok(Self { port, process })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills it. All that was in it is lost.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.process.kill().await
    }

    /// Starts it again, empty.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process = spawn(self.port).await?;
        Ok(())
    }

    /// Returns how many keys it has, without the marker.
    pub(crate) async fn entries(&self) -> Result<u64> {
        let answer = ask(self.port, "DBSIZE").await?;
        let keys: u64 = answer.trim_start_matches(':').parse()?;
        Ok(keys.saturating_sub(1))
    }
}

async fn spawn(port: u16) -> Result<Process> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--port").arg(port.to_string());
    command.arg("--dir").arg(scratch());
    let process = Process::start("redis", &mut command)?;
    let limit = Instant::now() + Duration::from_secs(20);
    while ask(port, "PING").await.is_err() {
        ensure!(Instant::now() < limit, "redis-server does not answer");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(process)
}

/// Sends an inline command, and returns the first line of the answer.
async fn ask(port: u16, command: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(format!("{command}\r\n").as_bytes())
        .await?;
    let line = BufReader::new(stream).lines().next_line().await?;
    line.context("redis-server has closed the connection")
}
