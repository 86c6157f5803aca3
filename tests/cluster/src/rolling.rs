//! All nodes are replaced, one after the other, while people chat by polling.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::checker::{Missing, check};
use crate::faults::replace;
use crate::load::{Load, Plan, Transport};
use crate::log::{FaultKind, Kind, Log, NodeId, Record, SessionId};
use crate::site::{GRACE, Site};

pub(crate) async fn run(site: &mut Site) -> Result<()> {
    let log = Log::start();
    let chat = [
        Transport::Xhr,
        Transport::Xhr,
        Transport::Xhr,
        Transport::Jsonp,
    ];
    let plans = chat.map(|transport| Plan {
        transport,
        mount: "/broadcast",
        pace: Duration::from_millis(500),
        is_fickle: false,
    });
    let load = Load::start(site.port(), &log, &plans.repeat(4));
    sleep(Duration::from_secs(2)).await;
    for node in 0..site.nodes.len() {
        replace(site, &log, node).await?;
    }
    load.finish().await;
    let record = log.record();
    // Nothing is wrong with the store or a link, so nobody misses anything.
    let verdict = check(&record, Missing::Forbidden);
    println!("{verdict}");
    let deaf = deaf(&record);
    ensure!(
        deaf.is_empty(),
        "sessions {deaf:?} have heard nobody of another node"
    );
    let ended = ended_with_their_nodes(&record);
    let first = ended
        .iter()
        .min()
        .map_or(f32::INFINITY, Duration::as_secs_f32);
    println!(
        "  {} sessions ended with their nodes, the first one {first:.1} s after SIGTERM; the grace is {} s",
        ended.len(),
        GRACE.as_secs(),
    );
    ensure!(
        verdict.problems.is_empty(),
        "{} problems",
        verdict.problems.len()
    );
    Ok(())
}

/// Returns the sessions that lived for a while and received nothing from a session of another node.
fn deaf(record: &Record) -> Vec<SessionId> {
    let mut opened = HashMap::new();
    let mut last = HashMap::new();
    let mut heard = HashSet::new();
    for event in &record.events {
        last.insert(event.session, event.at);
        match event.kind {
            Kind::Opened(owner) => {
                opened.entry(event.session).or_insert((event.at, owner));
            }
            Kind::Received { from, .. } => {
                heard.insert((event.session, from));
            }
            _ => {}
        }
    }
    let hears_others = |session: SessionId, owner: NodeId| {
        heard.iter().any(|(to, from)| {
            let other = opened.get(from);
            *to == session && other.is_some_and(|(_, other)| *other != owner)
        })
    };
    let lives = opened
        .iter()
        .filter(|(session, (at, _))| last[session] >= *at + A_WHILE);
    let deaf = lives.filter(|(session, (_, owner))| !hears_others(**session, *owner));
    deaf.map(|(session, _)| *session).collect()
}

/// Every session says something in each half second.
const A_WHILE: Duration = Duration::from_secs(5);

/// Returns for each session that ended with its node how long after SIGTERM that was.
fn ended_with_their_nodes(record: &Record) -> Vec<Duration> {
    let mut ended = Vec::new();
    for close in &record.events {
        if !matches!(close.kind, Kind::Closed { .. }) {
            continue;
        }
        let mut events = record.events.iter();
        let opened = events.find_map(|event| match event.kind {
            Kind::Opened(owner) if event.session == close.session => Some(owner),
            _ => None,
        });
        let mut faults = record.faults.iter();
        let replaced = faults.find(|fault| {
            matches!(fault.kind, FaultKind::Replaced { .. })
                && fault.node == opened
                && (fault.from..fault.until + GRACE).contains(&close.at)
        });
        ended.extend(replaced.map(|fault| close.at - fault.from));
    }
    ended
}
