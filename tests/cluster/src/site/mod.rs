//! Three nodes, their store, and the load balancer in front of them.

mod haproxy;
mod link;
mod node;
mod process;
mod redis;

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use self::haproxy::HaProxy;
pub(crate) use self::link::State;
pub(crate) use self::node::{GRACE, Node, Program};
pub(crate) use self::process::scratch;
use self::redis::Redis;

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) redis: Redis,
    pub(crate) nodes: Vec<Node>,
    balancer: HaProxy,
}

impl Site {
    pub(crate) async fn start(program: Program) -> Result<Self> {
        let redis = Redis::start().await?;
        let mut nodes = Vec::new();
        for number in 0..NODES {
            nodes.push(Node::start(number, program.clone(), redis.port()).await?);
        }
        let ports: Vec<_> = nodes.iter().map(Node::port).collect();
        Ok(Self {
            balancer: HaProxy::start(&ports).await?,
            redis,
            nodes,
        })
    }

    /// Returns the port of the load balancer.
    pub(crate) fn port(&self) -> u16 {
        self.balancer.port()
    }

    /// Waits until no handler has a session.
    pub(crate) async fn no_sessions(&self) -> Result<()> {
        let limit = Instant::now() + SESSIONS_END;
        loop {
            let mut open = Vec::new();
            for node in &self.nodes {
                open.push(node.open().await?);
            }
            if open.iter().all(|open| *open == 0) {
                return Ok(());
            }
            ensure!(
                Instant::now() < limit,
                "the nodes still have {open:?} sessions"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the store has no entry.
    pub(crate) async fn no_entries(&self) -> Result<()> {
        let limit = Instant::now() + ENTRIES_END;
        loop {
            let entries = self.redis.entries().await?;
            if entries == 0 {
                return Ok(());
            }
            ensure!(
                Instant::now() < limit,
                "the store still has {entries} entries"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

const NODES: usize = 3;

/// Clients whose going away nobody hears are gone after a disconnect delay, once a heartbeat is due.
const SESSIONS_END: Duration = Duration::from_secs(35);

/// A lease, or what is remembered of sessions that ended: a minute more than the disconnect delay.
const ENTRIES_END: Duration = Duration::from_secs(75);
