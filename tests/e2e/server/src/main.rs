//! Serves the standard test mounts, the pages of the browser tests, and mounts that these need.
//!
//! `PORT` is where (any free port), `PAGES` the folder of the pages, and `SOCKJS_CLIENT` the
//! JavaScript client that both the pages and the iframe pages load. `SOCKJS_URL` is where iframe pages
//! find it (on their own host), and `ALLOWED_ORIGINS` has the origins of `/listed` (none), separated by
//! commas. With `CLUSTER`, the server is a node of a cluster, as the test server is.

mod mounts;
mod pages;

use std::env;
use std::net::SocketAddr;

use axum::serve::ListenerExt;
use test_server::TestServer;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = test_server::join().await?;
    let cluster = cluster.as_ref();
    // In this order: merging keeps the fallback of the router that is merged in, and its layers.
    let client_url = env::var("SOCKJS_URL").unwrap_or_else(|_| pages::CLIENT_URL.to_owned());
    let app = pages::routes()?.merge(TestServer::new(&client_url, cluster).router());
    let app = mounts::add_to(app, &client_url, cluster);

    let port = env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}
