//! Serves the standard test mounts: `cargo run -p test-server`.
//!
//! `PORT` changes the port (8081), `SOCKJS_URL` the client that the iframe pages load, and
//! `RUST_LOG` what is logged.

use std::net::SocketAddr;
use std::{env, io};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> io::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(io::stderr)
        .init();

    let sockjs_url = env::var("SOCKJS_URL");
    let app = match &sockjs_url {
        Ok(url) => test_server::app_with_client(url),
        Err(_) => test_server::app(),
    };

    let port = env::var("PORT").unwrap_or_else(|_| "8081".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    // A frame is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await
}
