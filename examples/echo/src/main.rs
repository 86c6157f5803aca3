//! An echo server: `cargo run -p echo`, then open the address it prints in a browser.

mod page;

use std::{env, io};

use axum::Router;
use axum::serve::ListenerExt;
use sockjs_axum::{SendError, Session, SockJsLayer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let client = page::Client::from_env()?;
    let sockjs = SockJsLayer::new("/echo")
        .on_session(echo)
        .sockjs_url(client.url());
    let app = Router::new().merge(client.routes()).layer(sockjs);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Open http://{}/", listener.local_addr()?);

    // A message is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}

async fn echo(mut session: Session) -> Result<(), SendError> {
    while let Some(message) = session.recv().await {
        session.send(message).await?;
    }
    Ok(())
}
