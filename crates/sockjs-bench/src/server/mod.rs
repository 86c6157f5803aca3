//! The servers that this crate brings along: ours, and the stack below it alone.

mod ours;
mod stack;

use std::io::{self, Write};

use axum::Router;
use axum::serve::ListenerExt;
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;

pub(crate) use ours::Options;

/// Serve SockJS, or do as much of it as the HTTP and WebSocket libraries do on their own
#[derive(Args, Debug)]
pub(crate) struct Command {
    #[arg(value_enum)]
    which: Which,
    /// The port, on 127.0.0.1; with 0 any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
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
pub(crate) async fn run(command: Command) -> io::Result<()> {
    let app = match command.which {
        Which::Ours => ours::app(&command.options),
        Which::Stack => stack::app(),
    };
    let listener = TcpListener::bind(("127.0.0.1", command.port)).await?;
    // Whoever started this process waits for the line.
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    serve(listener, app).await
}

async fn serve(listener: TcpListener, app: Router) -> io::Result<()> {
    // Nagle's algorithm would hold a frame back while the one before it is not acknowledged. A
    // connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}
