//! Every client over every transport that it has, without faults.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sockjs_client::{Client, Transport as ClientTransport};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::checker::{Missing, check};
use crate::load::{Load, Plan, Transport};
use crate::log::Log;
use crate::site::Site;

pub(crate) async fn run(site: &Site, node_clients: &Path) -> Result<()> {
    for transport in Client::TRANSPORTS
        .into_iter()
        .chain([ClientTransport::RawWebSocket])
    {
        let echo = timeout(Duration::from_secs(60), echo(site.port(), transport)).await;
        echo.with_context(|| format!("{transport} hangs"))?
            .with_context(|| format!("sockjs-client, {transport}"))?;
        println!("  sockjs-client over {transport}: {MESSAGES} messages echoed");
    }
    raw(site).await?;
    let mut command = Command::new("node");
    command
        .arg("echo.mjs")
        .arg(format!("http://127.0.0.1:{}", site.port()))
        .current_dir(node_clients)
        .kill_on_drop(true);
    let status = timeout(Duration::from_secs(200), command.status()).await??;
    ensure!(
        status.success(),
        "the JavaScript client under Node: {status}"
    );
    site.no_sessions().await
}

/// Sends messages in waves of growing size, and compares what comes back.
async fn echo(port: u16, transport: ClientTransport) -> Result<()> {
    let url = match transport {
        ClientTransport::RawWebSocket => format!("http://127.0.0.1:{port}/echo"),
        // Its streams have a higher limit than those of /echo.
        ClientTransport::XhrStreaming => format!("http://127.0.0.1:{port}/disabled_websocket_echo"),
        _ => format!("http://127.0.0.1:{port}/echo"),
    };
    let mut client = Client::builder(url).transport(transport).connect().await?;
    let mut sent = 0;
    let mut wave = 1;
    while sent < MESSAGES {
        let messages: Vec<_> = (sent..sent + wave)
            .map(|n| format!("{n} \u{2028}é\"%41"))
            .collect();
        for message in &messages {
            client.send(message.as_str()).await?;
        }
        for message in &messages {
            let received = client.recv().await.context("closed")?;
            ensure!(received == *message, "{received:?} instead of {message:?}");
        }
        sent += wave;
        wave = wave % 34 + 3;
    }
    let reason = client.close().await;
    ensure!(reason.code() == 1000, "closed with {reason:?}");
    Ok(())
}

/// The transports that no client has outside of a browser, and the others the same way.
async fn raw(site: &Site) -> Result<()> {
    let log = Log::start();
    let plans = Transport::HTTP.map(|transport| Plan {
        transport,
        mount: "/echo",
        pace: Duration::from_millis(10),
        is_fickle: false,
    });
    let load = Load::start(site.port(), &log, &plans.repeat(2));
    sleep(Duration::from_secs(3)).await;
    load.finish().await;
    let verdict = check(&log.record(), Missing::Forbidden);
    println!("  raw clients over all HTTP transports:\n{verdict}");
    ensure!(
        verdict.problems.is_empty() && verdict.lost_sessions == 0,
        "raw clients"
    );
    Ok(())
}

const MESSAGES: usize = 300;
