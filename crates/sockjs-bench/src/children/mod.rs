//! Servers and generators as processes of their own, each on its own core.

mod nodes;
mod redis;
mod running;
mod server;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::process;

pub(crate) use nodes::{Nodes, Store};
pub(crate) use running::Running;
pub(crate) use server::Server;

/// The cores that server and generator have to themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pinning {
    Cores {
        server: u32,
        /// That of a second thread of the server. Where there are but two, the generator has it too.
        second: u32,
        generator: u32,
    },
    None,
}

impl Pinning {
    /// Chooses two cores, if there are two and the program that pins.
    pub(crate) fn choose() -> Self {
        let taskset = Command::new("taskset").arg("--version").output();
        match (&process::cores()[..], taskset) {
            (&[server, second, .., generator], Ok(_)) => Self::Cores {
                server,
                second,
                generator,
            },
            (&[server, generator], Ok(_)) => Self::Cores {
                server,
                second: generator,
                generator,
            },
            _ => Self::None,
        }
    }
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Cores { .. } => "server and generator pinned to a core each",
            Self::None => "nothing pinned, for want of a second core or of `taskset`",
        }
    }

    pub(crate) fn describe_nodes(self) -> &'static str {
        match self {
            Self::Cores {
                second, generator, ..
            } if second != generator => {
                "nodes in turn on two cores, and the generator with the store on one more"
            }
            Self::Cores { .. } => "nodes on one core, and the generator with the store on another",
            Self::None => self.describe(),
        }
    }

    /// Starts a server on any free port. Only one that is built in has more than one thread and takes
    /// `arguments`.
    pub(crate) fn start(
        self,
        server: Server,
        threads: Threads,
        arguments: &[&str],
    ) -> anyhow::Result<Running> {
        let (program, first) = server.program()?;
        let mut command = self.on_cores(self.server_cores(threads), &program);
        command.args(first);
        if server.is_built_in() {
            command.args(arguments);
            if threads == Threads::Two {
                command.args(["--threads", "2"]);
            }
        }
        Running::start(command).with_context(|| format!("cannot start {}", server.title()))
    }

    /// Runs this program again as a generator, and returns what it reports.
    pub(crate) fn generate(self, arguments: &[&str], patience: Duration) -> anyhow::Result<Value> {
        let mut command = self.on_cores(self.generator_core(), &env::current_exe()?);
        command.args(arguments).arg("--json");
        let report = running::output(command, patience)
            .with_context(|| format!("`{}`", arguments.join(" ")))?;
        Ok(serde_json::from_slice(&report)?)
    }

    fn server_cores(self, threads: Threads) -> String {
        match (self, threads) {
            (Self::Cores { server, .. }, Threads::One) => server.to_string(),
            (Self::Cores { server, second, .. }, Threads::Two) => format!("{server},{second}"),
            (Self::None, _) => String::new(),
        }
    }

    /// Returns the core of one of several nodes.
    fn node_core(self, node: usize) -> String {
        match self {
            Self::Cores {
                second, generator, ..
            } if node % 2 == 1 && second != generator => second.to_string(),
            Self::Cores { server, .. } => server.to_string(),
            Self::None => String::new(),
        }
    }

    fn generator_core(self) -> String {
        match self {
            Self::Cores { generator, .. } => generator.to_string(),
            Self::None => String::new(),
        }
    }

    fn on_cores(self, cores: String, program: &Path) -> Command {
        match self {
            Self::Cores { .. } => {
                let mut command = Command::new("taskset");
                // It becomes the program, and so has its process id.
                command.arg("--cpu-list").arg(cores).arg(program);
                command
            }
            Self::None => Command::new(program),
        }
    }
}

/// How many threads of a server serve, and so how many cores it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Threads {
    One,
    Two,
}

/// Returns a path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
