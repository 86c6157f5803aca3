use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;

use super::link::Link;
use super::process::{Process, free_port};
use crate::http;

/// A server of the cluster, which can be started again in the same place.
#[derive(Debug)]
pub(crate) struct Node {
    name: String,
    program: Program,
    port: u16,
    relay_port: u16,
    /// How other nodes reach this one.
    pub(crate) relays: Link,
    /// How it reaches the store.
    pub(crate) store: Link,
    process: Option<Process>,
}

/// What a node runs.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) env: Vec<(String, String)>,
}

impl Node {
    pub(crate) async fn start(number: usize, program: Program, redis: u16) -> Result<Self> {
        let relay_port = free_port().await?;
        let mut node = Self {
            name: format!("n{number}"),
            program,
            port: free_port().await?,
            relay_port,
            relays: Link::to(relay_port).await?,
            store: Link::to(redis).await?,
            process: None,
        };
        node.restart().await?;
        Ok(node)
    }

    /// Starts the server, which does not run.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program.path);
        command
            .env("PORT", self.port.to_string())
            .env(
                "CLUSTER",
                format!("redis://127.0.0.1:{}", self.store.port()),
            )
            .env("CLUSTER_SECRET", "a secret of nobody but these nodes")
            .env("CLUSTER_LISTEN", format!("127.0.0.1:{}", self.relay_port))
            .env(
                "CLUSTER_ADVERTISE",
                format!("127.0.0.1:{}", self.relays.port()),
            )
            .env("CLUSTER_LEASE", LEASE.as_secs().to_string())
            .env("DRAIN_GRACE", GRACE.as_secs().to_string())
            .env("RUST_LOG", "info,sockjs_cluster=debug")
            .envs(self.program.env.iter().cloned());
        self.process = Some(Process::start_server(&self.name, &mut command).await?);
        Ok(())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) async fn signal(&self, signal: &str) -> Result<()> {
        self.process
            .as_ref()
            .context("it runs")?
            .signal(signal)
            .await
    }

    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.process.take().context("it runs")?.kill().await
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let limit = GRACE + Duration::from_secs(30);
        self.process.take().context("it runs")?.ended(limit).await
    }

    /// Returns how many sessions its handlers have.
    pub(crate) async fn open(&self) -> Result<u64> {
        let body = http::get(self.port, "/_stats").await?;
        let stats: Value = serde_json::from_str(&body)?;
        let open = stats["open"].as_object().context("a list of mounts")?;
        Ok(open.values().filter_map(Value::as_u64).sum())
    }
}

/// Longer than any node hangs, so that no session is forgotten whose owner comes back.
const LEASE: Duration = Duration::from_secs(60);

/// How long a node lets its sessions go on when it is replaced.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
