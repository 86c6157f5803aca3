//! Servers and generators as processes of their own, each on its own core.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use crate::process;

/// What can be started.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Server {
    /// sockjs-axum
    Ours,
    /// axum, hyper and tungstenite with nothing of the protocol's work
    Stack,
    /// sockjs-node
    Node,
    /// The Python server for aiohttp
    Python,
}

impl Server {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ours => "sockjs-axum",
            Self::Stack => "the stack alone",
            Self::Node => "sockjs-node 0.3.24",
            Self::Python => "Python sockjs 0.13.0",
        }
    }
}

/// The cores that server and generator have to themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pinning {
    Cores { server: u32, generator: u32 },
    None,
}

impl Pinning {
    /// Chooses two cores, if there are two and the program that pins.
    pub(crate) fn choose() -> Self {
        let taskset = Command::new("taskset").arg("--version").output();
        match (&process::cores()[..], taskset) {
            (&[server, .., generator], Ok(_)) => Self::Cores { server, generator },
            _ => Self::None,
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Cores { .. } => "server and generator pinned to a core each",
            Self::None => "nothing pinned, for want of a second core or of `taskset`",
        }
    }

    /// Starts a server on any free port.
    pub(crate) fn start(self, server: Server, arguments: &[&str]) -> anyhow::Result<Running> {
        let script = |name| {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("servers")
                .join(name)
        };
        let mut command = match (self, server) {
            (_, Server::Ours) => {
                let mut command = self.on_server_core(&env::current_exe()?);
                command.args(["serve", "ours"]).args(arguments);
                command
            }
            (_, Server::Stack) => {
                let mut command = self.on_server_core(&env::current_exe()?);
                command.args(["serve", "stack"]);
                command
            }
            (_, Server::Node) => self.on_server_core(&script("node/start")),
            (_, Server::Python) => self.on_server_core(&script("python/start")),
        };
        if matches!(server, Server::Node | Server::Python) {
            command.arg("0");
        }
        Running::start(command).with_context(|| format!("cannot start {}", server.title()))
    }

    /// Runs this program again as a generator, and returns what it reports.
    pub(crate) fn generate(self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = self.on_generator_core(&env::current_exe()?);
        command.args(arguments).arg("--json").stdin(Stdio::null());
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("`{}` failed", arguments.join(" "));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn on_server_core(self, program: &Path) -> Command {
        match self {
            Self::Cores { server, .. } => on_core(server, program),
            Self::None => Command::new(program),
        }
    }

    fn on_generator_core(self, program: &Path) -> Command {
        match self {
            Self::Cores { generator, .. } => on_core(generator, program),
            Self::None => Command::new(program),
        }
    }
}

fn on_core(core: u32, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    // It becomes the program, and so has its process id.
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// A server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut running = Self {
            child,
            address: String::new(),
        };
        let output = running.child.stdout.take().context("it has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("listening on ");
        running.address = address
            .context("it does not say where it listens")?
            .to_owned();
        Ok(running)
    }

    pub(crate) fn url(&self, mount: &str) -> String {
        format!("http://{}/{mount}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
