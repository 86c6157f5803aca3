//! The servers that this crate brings along: ours, and the stack below it alone.

mod listen;
mod ours;
mod stack;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

pub(crate) use ours::Options;

use listen::Over;

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
        let app = match command.which {
            Which::Ours => ours::app(&command.options),
            Which::Stack => stack::app(),
        };
        let listener = TcpListener::bind(("127.0.0.1", command.port)).await?;
        // The process that started this one waits for the line.
        println!("listening on {}", listener.local_addr()?);
        io::stdout().flush()?;
        match command.threads {
            0 | 1 => listen::serve(listener, app, command.over).await?,
            // This thread is none of the workers.
            _ => tokio::spawn(listen::serve(listener, app, command.over)).await??,
        }
        Ok(())
    })
}
