//! Nodes of a cluster.

use std::env;

use anyhow::Context;

use super::redis::Redis;
use super::{Pinning, Running};

/// Where nodes find each other's sessions.
#[derive(Debug)]
pub(crate) enum Store {
    Redis(Redis),
    /// Within one process, which has all nodes.
    Memory,
}

/// Several nodes of our server, until they are dropped.
#[derive(Debug)]
pub(crate) struct Nodes {
    processes: Vec<Running>,
}

impl Store {
    /// Starts `redis-server`, if it is installed.
    pub(crate) fn start(pinning: Pinning) -> anyhow::Result<Self> {
        let redis = Redis::start(|program| pinning.on_cores(pinning.generator_core(), program))?;
        Ok(redis.map_or(Self::Memory, Self::Redis))
    }

    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Redis(_) => "each node is a process, and the store is Redis",
            Self::Memory => {
                "all nodes are in one process with the store in memory, because `redis-server` is not \
                 installed"
            }
        }
    }
}

impl Nodes {
    /// Starts nodes that have one thread each. Those of a cluster have a `store`.
    pub(crate) fn start(
        pinning: Pinning,
        store: Option<&Store>,
        count: usize,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let start = |node, more: &[&str]| {
            let mut command = pinning.on_cores(pinning.node_core(node), &env::current_exe()?);
            command.args(["serve", "ours"]).args(arguments).args(more);
            Running::start(command).context("cannot start a node")
        };
        let processes = match store {
            Some(Store::Memory) => {
                let nodes = ["--store", "memory", "--nodes", &count.to_string()];
                vec![start(0, &nodes)?]
            }
            Some(Store::Redis(redis)) => {
                let url = redis.url();
                let start = |node| start(node, &["--store", &url]);
                (0..count).map(start).collect::<anyhow::Result<_>>()?
            }
            None => vec![start(0, &[])?],
        };
        Ok(Self { processes })
    }

    /// Returns the URL of a mount at each node.
    pub(crate) fn urls(&self, mount: &str) -> Vec<String> {
        let addresses = self.processes.iter().flat_map(Running::addresses);
        addresses
            .map(|address| format!("http://{address}/{mount}"))
            .collect()
    }

    /// Returns the process ids of all nodes, with commas between them.
    pub(crate) fn pids(&self) -> String {
        let pids: Vec<_> = self
            .processes
            .iter()
            .map(|it| it.pid().to_string())
            .collect();
        pids.join(",")
    }
}
