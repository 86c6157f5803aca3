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
mod serve;
mod trace;
mod user;

#[cfg(test)]
mod tests;

use std::time::Duration;
use std::{env, io};

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::app::Settings;
use crate::serve::Limits;

#[tokio::main]
async fn main() -> io::Result<()> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sockjs_axum=debug,tower_http=debug"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Otherwise a line that cannot be written, such as after the end of a log collector, is
        // reported to standard error, and if that is closed as well, the task that logs panics.
        .log_internal_errors(false)
        .init();

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

    let (closed, sessions_closed) = oneshot::channel();
    let served = serve::serve(listener, app, LIMITS, async move {
        asked_to_stop().await;
        // The responses of sessions end only with these. The deadline is less than what process
        // managers wait before they kill.
        let shutdown = handle.shutdown(Duration::from_secs(10)).await;
        tracing::info!(?shutdown, "sessions are closed");
        let _ = closed.send(());
    });
    let overdue = async {
        let _ = sessions_closed.await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    };
    tokio::select! {
        () = served => {}
        // A client that reads nothing still has a response to come, and would be waited for.
        () = overdue => {}
    }
    Ok(())
}

/// See `docs/deployment.md`.
const LIMITS: Limits = Limits {
    idle: Duration::from_secs(30),
    ping: Duration::from_secs(20),
    streams: 200,
    // Each session has one, and some have two for a moment. `LimitNOFILE` must be higher.
    connections: 2 * app::MAX_SESSIONS + 1000,
};

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
