//! All nodes are replaced, one after the other, while people chat by polling.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::checker::{Missing, check};
use crate::faults::replace;
use crate::load::{Load, Plan, Transport};
use crate::log::{FaultKind, Kind, Log, Record};
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
