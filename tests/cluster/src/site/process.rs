use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// A program that was started here. It is killed on drop.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program. What it writes goes to a file in the scratch folder.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let log = log(name)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    /// Starts a server that says where it listens, and waits until it has said so.
    pub(crate) async fn start_server(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log(name)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("there is a pipe")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = timeout(START, lines.next_line()).await?? {
            if line.starts_with("Listening on ") {
                let name = name.to_owned();
                return Ok(Self { name, child });
            }
        }
        bail!("{name} did not start; see {}", scratch().display())
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) async fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.child.id().context("it runs")?.to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status();
        ensure!(status.await?.success(), "kill -s {signal} {}", self.name);
        Ok(())
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits until it has ended by itself, with 0.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Result<()> {
        let status = timeout(limit, self.child.wait()).await;
        let status = status.with_context(|| format!("{} does not end", self.name))??;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

/// Opens the file for what a program writes.
fn log(name: &str) -> Result<fs::File> {
    let path = scratch().join(format!("{name}.txt"));
    let file = fs::File::options().create(true).append(true).open(path);
    Ok(file?)
}

/// Waits until something listens at a port.
pub(crate) async fn until_listening(port: u16) -> Result<()> {
    let limit = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        ensure!(Instant::now() < limit, "nothing listens at port {port}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Returns a free port that no outgoing connection takes, so that a server can start again there.
pub(crate) async fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..10_000 {
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (process::id() as u16).wrapping_mul(37).wrapping_add(count) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

/// Returns the folder for logs and configurations.
pub(crate) fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let folder = env::temp_dir().join(format!("sockjs-cluster-tests-{}", process::id()));
        fs::create_dir_all(&folder).expect("there is a folder for temporary files");
        folder
    })
}

const START: Duration = Duration::from_secs(20);
