//! Sessions over connections that are memory, for more of them than there are descriptors.

use std::time::{Duration, Instant};

use clap::Args;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use sockjs_axum::{NotFound, SockJs, SockJsLayer};
use tokio::task::JoinSet;

use crate::client::{ClientError, Payload, WebSocket};
use crate::idle::{self, FIRST, SETTLE};
use crate::process::Watched;
use crate::report::{Output, Throughput};
use crate::target::SessionId;
use crate::transport::Transport;

/// Hold idle websockets of our server within this process
///
/// Memory and processor time are of both ends.
#[derive(Args, Debug)]
pub(crate) struct Command {
    #[arg(long, default_value_t = 100_000)]
    sessions: usize,
    /// Seconds to hold them and see what processor time that takes
    #[arg(long, default_value_t = 0.0)]
    hold: f64,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let layer = SockJsLayer::echo("/echo");
    let handle = layer.handle();
    let service = layer.into_service();
    let process = Watched::ourselves();

    let mut clients = JoinSet::new();
    open(&service, FIRST, &mut clients).await?;
    let before = process.look()?;
    open(&service, command.sessions, &mut clients).await?;
    let opened = process.look()?.since(&before);
    tokio::time::sleep(SETTLE).await;
    let grown = process.look()?.since(&before).memory;

    let hold = Duration::from_secs_f64(command.hold);
    let held = idle::hold(&mut clients, hold, &process).await?;

    let start = Instant::now();
    let shutdown = handle.shutdown(Duration::from_secs(300)).await;
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    command.output.print(&idle::Report {
        transport: Transport::WebSocket,
        opened: Throughput::new(command.sessions as u64, opened),
        memory_per_session: grown.map(|grown| grown / command.sessions as f64),
        memory_by_process: Vec::new(),
        held,
        shutdown: Some(idle::Shutdown {
            seconds: start.elapsed().as_secs_f64(),
            server: json!({ "sessions": shutdown.sessions, "cut": shutdown.cut }),
        }),
    })
}

async fn open(
    service: &SockJs<NotFound>,
    count: usize,
    clients: &mut JoinSet<Result<(), ClientError>>,
) -> Result<(), ClientError> {
    for _ in 0..count {
        let (client, server) = tokio::io::duplex(1024);
        let service = TowerToHyperService::new(service.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        tokio::spawn(connection.with_upgrades());
        let path = format!("/echo/000/{}/websocket", SessionId::fresh());
        let client = WebSocket::open(client, "localhost", &path, Payload::SockJs).await?;
        clients.spawn(client.wait_for_close());
    }
    Ok(())
}
