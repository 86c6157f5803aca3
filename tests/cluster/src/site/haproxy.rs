use std::fmt::Write;
use std::fs;

use anyhow::Result;
use tokio::process::Command;

use super::process::{Process, free_port, scratch, until_listening};

/// HAProxy, which sends each request to the next node.
#[derive(Debug)]
pub(crate) struct HaProxy {
    port: u16,
    _process: Process,
}

impl HaProxy {
    /// Starts it in front of the nodes at these ports: `n0`, `n1`, and so on.
    pub(crate) async fn start(nodes: &[u16]) -> Result<Self> {
        let port = free_port().await?;
        let mut config = CONFIG.replace("PORT", &port.to_string());
        for (i, node) in nodes.iter().enumerate() {
            writeln!(config, "    server n{i} 127.0.0.1:{node}")?;
        }
        let path = scratch().join(format!("haproxy-{port}.cfg"));
        fs::write(&path, config)?;
        // Debian keeps programs for administrators where users do not look.
        let program = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];
        let program = program.iter().find(|it| fs::exists(it).unwrap_or(false));
        let mut command = Command::new(program.unwrap_or(&"haproxy"));
        command.arg("-db").arg("-f").arg(path);
        let process = Process::start("haproxy", &mut command)?;
        until_listening(port).await?;
        Ok(Self {
            port,
            _process: process,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

const CONFIG: &str = include_str!("../../haproxy.cfg");
