//! SockJS among other middleware: `cargo run -p production`, then open the address it prints.
//!
//! `app.rs` is the place to start: which layer goes where, and why.
//!
//! `PORT` changes the port (3000), `METRICS_PORT` that of `/metrics` (3001). `ORIGIN` names the origin
//! that browsers see (`https://app.example`, behind a proxy that ends TLS), `SOCKJS_CLIENT` a copy
//! of the JavaScript client to serve, and `RUST_LOG` what is logged.

mod app;
mod cookie;
mod live;
mod metrics;
mod page;
mod trace;
mod user;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;
use std::{env, io};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::app::Settings;

#[tokio::main]
async fn main() -> io::Result<()> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sockjs_axum=debug,tower_http=debug"));
    tracing_subscriber::fmt().with_env_filter(filter).init();

    // Before the first session: what was counted without a recorder is not counted.
    let recorder = metrics::install().map_err(io::Error::other)?;

    let listener = TcpListener::bind(("127.0.0.1", port("PORT", 3000)?)).await?;
    let addr = listener.local_addr()?;
    let origins = match env::var("ORIGIN") {
        Ok(origin) => vec![origin],
        Err(_) => ["127.0.0.1", "localhost"]
            .map(|host| format!("http://{host}:{}", addr.port()))
            .into(),
    };
    let (app, handle) = app::app(Settings {
        origins,
        client: page::Client::from_env()?,
    });
    println!("Open http://{addr}/");

    // For the operator alone, so not on the port that the world can reach.
    let metrics_listener = TcpListener::bind(("127.0.0.1", port("METRICS_PORT", 3001)?)).await?;
    println!(
        "Metrics are at http://{}/metrics",
        metrics_listener.local_addr()?
    );
    tokio::spawn(axum::serve(metrics_listener, metrics::routes(recorder)).into_future());

    // A frame is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    // Sessions know the client's address only with this.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let (closed, sessions_closed) = oneshot::channel();
    let served = axum::serve(listener, service).with_graceful_shutdown(async move {
        asked_to_stop().await;
        // axum waits for all responses to end, and those of sessions end only with these. The
        // deadline is less than what process managers wait before they kill.
        let shutdown = handle.shutdown(Duration::from_secs(10)).await;
        tracing::info!(?shutdown, "sessions are closed");
        let _ = closed.send(());
    });
    let overdue = async {
        let _ = sessions_closed.await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    };
    tokio::select! {
        result = served.into_future() => result,
        // A client that reads nothing still has a response to come, and would be waited for.
        () = overdue => Ok(()),
    }
}

/// Waits for Ctrl-C or, from a process manager, SIGTERM.
async fn asked_to_stop() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "no Ctrl-C");
            std::future::pending().await
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(error) => {
                tracing::error!(%error, "no SIGTERM");
                std::future::pending().await
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        _ = terminate => {}
    }
}

fn port(variable: &str, default: u16) -> io::Result<u16> {
    match env::var(variable) {
        Ok(port) => port
            .parse()
            .map_err(|error| io::Error::other(format!("{variable}={port}: {error}"))),
        Err(_) => Ok(default),
    }
}
