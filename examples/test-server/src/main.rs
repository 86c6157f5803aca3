//! Serves the standard test mounts: `cargo run -p test-server`.
//!
//! `PORT` changes the port (8081), `SOCKJS_URL` the client that the iframe pages load, and
//! `RUST_LOG` what is logged. With `CLUSTER=redis://…` and `CLUSTER_SECRET=…`, the server is a node of a
//! cluster; see `cluster.rs` for more variables.
//!
//! On SIGTERM, the server lets its sessions go on for `DRAIN_GRACE` seconds (30), and `/_health` answers 503,
//! so that load balancers send new clients elsewhere. Then it closes what is left, and ends. A second
//! SIGTERM ends the wait.

mod stop;

use std::env;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt;
use test_server::{DEFAULT_SOCKJS_URL, TestServer};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::stop::Stop;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let grace = test_server::seconds("DRAIN_GRACE")?.unwrap_or(Duration::from_secs(30));
    let signals = stop::signals()?;
    let cluster = test_server::join().await?;
    let sockjs_url = env::var("SOCKJS_URL");
    let sockjs_url = sockjs_url.as_deref().unwrap_or(DEFAULT_SOCKJS_URL);
    let server = TestServer::new(sockjs_url, cluster.as_ref());

    let port = env::var("PORT").unwrap_or_else(|_| "8081".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    // A frame is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let service = server
        .router()
        .into_make_service_with_connect_info::<SocketAddr>();
    let stop = Stop::new(server, cluster, grace);
    let is_over = stop.is_over();
    let serve = axum::serve(listener, service).with_graceful_shutdown(stop.run(signals));
    tokio::select! {
        served = serve => served?,
        // A client that reads nothing still has a response to come, and would be waited for.
        () = is_over => {}
    }
    Ok(())
}
