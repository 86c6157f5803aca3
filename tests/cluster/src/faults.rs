//! Clients over every transport while nodes, links and store fail, one after the other.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::checker::{AFTERMATH, Missing, check};
use crate::load::{Load, Plan, Transport};
use crate::log::{FaultKind, Log, NodeId};
use crate::site::{GRACE, Site, State, scratch};

/// Runs all faults `rounds` times, and looks at what clients have seen.
pub(crate) async fn run(site: &mut Site, rounds: usize) -> Result<()> {
    let log = Log::start();
    let load = Load::start(site.port(), &log, &plans());
    sleep(WARM_UP).await;
    for round in 0..rounds {
        let mut faults = Faults { site, log: &log };
        let nodes = [round % 3, (round + 1) % 3, (round + 2) % 3];
        faults.round(nodes).await?;
    }
    load.finish().await;
    let verdict = check(&log.record(), Missing::Allowed);
    println!("{verdict}");
    let problems = verdict.problems.len();
    if problems > 0 {
        log.write(&scratch().join("faults.txt"))?;
    }
    ensure!(problems == 0, "{problems} problems");
    site.no_sessions().await
}

fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for transport in Transport::HTTP.into_iter().chain([Transport::WebSocket]) {
        for is_fickle in [false, false, false, false, true, true] {
            plans.push(Plan {
                transport,
                mount: "/echo",
                pace: Duration::from_millis(300),
                is_fickle,
            });
        }
        plans.push(Plan {
            transport,
            mount: "/broadcast",
            pace: Duration::from_secs(1),
            is_fickle: false,
        });
    }
    plans
}

struct Faults<'a> {
    site: &'a mut Site,
    log: &'a Log,
}

impl Faults<'_> {
    async fn round(&mut self, [a, b, c]: [NodeId; 3]) -> Result<()> {
        self.kill(a).await?;
        self.hang(b, Duration::from_secs(3), FaultKind::Paused)
            .await?;
        self.link(c, State::Cut, FaultKind::Cut, Duration::from_secs(3))
            .await?;
        self.store_link(a, State::Cut).await?;
        self.store_link(b, State::Stalled).await?;
        self.restart_store().await?;
        self.link(
            a,
            State::Stalled,
            FaultKind::Stalled,
            Duration::from_secs(15),
        )
        .await?;
        self.link(
            b,
            State::HalfOpen,
            FaultKind::Stalled,
            Duration::from_secs(12),
        )
        .await?;
        self.hang(c, Duration::from_secs(30), FaultKind::Hung)
            .await?;
        self.stop_store().await?;
        for node in [a, b, c] {
            replace(self.site, self.log, node).await?;
        }
        Ok(())
    }

    async fn kill(&mut self, node: NodeId) -> Result<()> {
        self.say(&format!("kill -9 of n{node}"));
        let from = self.log.now();
        self.site.nodes[node].kill().await?;
        sleep(Duration::from_secs(3)).await;
        self.site.nodes[node].restart().await?;
        self.over(FaultKind::Killed, Some(node), from, RECOVERY)
            .await;
        Ok(())
    }

    async fn hang(&mut self, node: NodeId, time: Duration, kind: FaultKind) -> Result<()> {
        self.say(&format!("SIGSTOP of n{node} for {time:?}"));
        let from = self.log.now();
        self.site.nodes[node].signal("STOP").await?;
        sleep(time).await;
        self.site.nodes[node].signal("CONT").await?;
        let rest = if kind == FaultKind::Paused {
            SETTLE
        } else {
            RECOVERY
        };
        self.over(kind, Some(node), from, rest).await;
        Ok(())
    }

    /// Has the way of other nodes to one fail.
    async fn link(
        &mut self,
        node: NodeId,
        state: State,
        kind: FaultKind,
        time: Duration,
    ) -> Result<()> {
        self.say(&format!("relays to n{node} {state:?} for {time:?}"));
        let from = self.log.now();
        self.site.nodes[node].relays.set(state);
        sleep(time).await;
        self.site.nodes[node].relays.set(State::Sound);
        self.over(kind, Some(node), from, RECOVERY).await;
        Ok(())
    }

    /// Has the way of a node to the store fail, for less time than costs anything.
    async fn store_link(&mut self, node: NodeId, state: State) -> Result<()> {
        self.say(&format!("store of n{node} {state:?} for {HICCUP:?}"));
        let from = self.log.now();
        self.site.nodes[node].store.set(state);
        sleep(HICCUP).await;
        self.site.nodes[node].store.set(State::Sound);
        self.over(FaultKind::StoreHiccup, Some(node), from, SETTLE)
            .await;
        Ok(())
    }

    /// Has the store lose everything.
    async fn restart_store(&mut self) -> Result<()> {
        self.say("kill -9 of the store, which restarts empty");
        let from = self.log.now();
        self.site.redis.kill().await?;
        self.site.redis.restart().await?;
        self.over(FaultKind::StoreHiccup, None, from, SETTLE).await;
        Ok(())
    }

    /// Takes the store away for longer than clients wait.
    async fn stop_store(&mut self) -> Result<()> {
        self.say("kill -9 of the store, which stays away for 7 s and restarts empty");
        let from = self.log.now();
        self.site.redis.kill().await?;
        sleep(Duration::from_secs(7)).await;
        self.site.redis.restart().await?;
        self.over(FaultKind::StoreAway, None, from, RECOVERY).await;
        Ok(())
    }

    async fn over(&self, kind: FaultKind, node: Option<NodeId>, from: Duration, rest: Duration) {
        self.log.fault(kind, node, from);
        sleep(rest).await;
    }

    fn say(&self, what: &str) {
        say(self.log, what);
    }
}

/// Replaces a node by SIGTERM: it lets its sessions go on, ends by itself, and is started again.
pub(crate) async fn replace(site: &mut Site, log: &Log, node: NodeId) -> Result<()> {
    say(log, &format!("SIGTERM of n{node}"));
    let from = log.now();
    site.nodes[node].signal("TERM").await?;
    site.nodes[node].ended().await?;
    let ended = log.now() - from;
    site.nodes[node].restart().await?;
    log.fault(FaultKind::Replaced { grace: GRACE }, Some(node), from);
    say(
        log,
        &format!(
            "n{node} has ended after {:.1} s, and is replaced",
            ended.as_secs_f32()
        ),
    );
    // The balancer has to find it healthy.
    sleep(Duration::from_secs(2)).await;
    Ok(())
}

fn say(log: &Log, what: &str) {
    println!("  {:6.1} s: {what}", log.now().as_secs_f32());
}

const WARM_UP: Duration = Duration::from_secs(3);

/// Until the sessions that a fault takes have ended, so that the next fault is not excused by it.
const RECOVERY: Duration = AFTERMATH;

const SETTLE: Duration = Duration::from_secs(3);

const HICCUP: Duration = Duration::from_millis(1500);
