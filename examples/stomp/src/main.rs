//! A STOMP broker with a page: `cargo run -p stomp`, then open the address it prints in a browser.
//!
//! Everybody may connect, with any `login` or none. A client that gives a `passcode` must give the right one,
//! which is `secret`. `PORT` changes the port.

mod desk;
mod page;

use std::{env, io};

use axum::Router;
use axum::serve::ListenerExt;
use sockjs_axum::{Session, SockJsLayer};
use stomp::{Broker, PROTOCOLS, Stomp};
use tokio::net::TcpListener;

use crate::desk::Desk;

#[tokio::main]
async fn main() -> io::Result<()> {
    let clients = page::Clients::from_env()?;
    let sockjs = SockJsLayer::new("/stomp").protocols(PROTOCOLS);
    let broker = Broker::new(sockjs.handle());
    let stomp = Stomp::new(Desk::new(broker.clone()), broker);
    let sockjs = sockjs
        .on_session(move |session: Session| stomp.clone().serve(session))
        .sockjs_url(clients.sockjs_url());
    let app = Router::new().merge(clients.routes()).layer(sockjs);

    let port = env::var("PORT").unwrap_or_else(|_| "3002".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Open http://{}/", listener.local_addr()?);

    // Frames are small writes, which Nagle's algorithm would hold back one behind the other.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}
