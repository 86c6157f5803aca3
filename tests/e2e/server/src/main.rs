//! Serves the standard test mounts, the pages of the browser tests, and mounts that these need.
//!
//! `PORT` is where (any free port), `PAGES` the folder of the pages, and `SOCKJS_CLIENT` the
//! JavaScript client that both the pages and the iframe pages load.

mod mounts;
mod pages;

use std::net::SocketAddr;
use std::{env, io};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    // In this order: merging keeps the fallback of the router that is merged in, and its layers.
    let app = pages::routes()?.merge(test_server::app_with_client(pages::CLIENT_URL));
    let app = mounts::add_to(app);

    let port = env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await
}
