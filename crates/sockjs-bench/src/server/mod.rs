//! The servers that this crate brings along: ours, and the stack below it alone.

mod listen;
mod nodes;
mod ours;
mod stack;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

pub(crate) use ours::Options;

use listen::Over;
use nodes::Store;

/// Serve SockJS, or do as much of it as the HTTP and WebSocket libraries do on their own
#[derive(Args, Debug)]
pub(crate) struct Command {
    #[arg(value_enum)]
    which: Which,
    /// The port, on 127.0.0.1; with 0 any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What connections speak
    #[arg(long, value_enum, default_value = "http1")]
    over: Over,
    /// How many threads serve
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Make our server a node of a cluster, whose store is `memory` or at a `redis://` URL
    #[arg(long)]
    store: Option<Store>,
    /// How many nodes of the cluster there are in this process, each with a port of its own
    #[arg(long, default_value_t = 1, requires = "store")]
    nodes: usize,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// sockjs-axum
    Ours,
    /// axum, hyper and tungstenite with nothing of the protocol's work
    Stack,
}

/// Serves until the process is ended.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let mut runtime = match command.threads {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if command.threads > 1 {
        runtime.worker_threads(command.threads);
    }
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        let apps = match (command.which, &command.store) {
            (Which::Stack, _) => vec![stack::app()],
            (Which::Ours, None) => vec![ours::app(&command.options, None)],
            (Which::Ours, Some(store)) => {
                nodes::apps(&command.options, store, command.nodes).await?
            }
        };
        let mut addresses = Vec::new();
        // This thread is none of the workers, if there are any.
        let mut serving = JoinSet::new();
        for (port, app) in (command.port..).zip(apps) {
            let port = if command.port == 0 { 0 } else { port };
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            addresses.push(listener.local_addr()?.to_string());
            serving.spawn(listen::serve(listener, app, command.over));
        }
        // The process that started this one waits for the line.
        println!("listening on {}", addresses.join(" "));
        io::stdout().flush()?;
        while let Some(ended) = serving.join_next().await {
            ended??;
        }
        Ok(())
    })
}
