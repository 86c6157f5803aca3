//! A small STOMP broker over SockJS, which is what Spring front ends speak: `cargo run -p stomp`.
//!
//! Whatever a client sends to a destination goes to all who subscribed to it:
//!
//! ```js
//! import { Client } from "@stomp/stompjs";
//! import SockJS from "sockjs-client";
//!
//! const url = "http://localhost:3002/stomp";
//! const client = new Client({ webSocketFactory: () => new SockJS(url) });
//! client.onConnect = () => {
//!   client.subscribe("/topic/echo", (message) => console.log(message.body));
//!   client.publish({ destination: "/topic/echo", body: "hello" });
//! };
//! client.activate();
//! ```
//!
//! It speaks STOMP 1.2 without acknowledgements and transactions. Client libraries may cut a large
//! frame into several SockJS messages, and put several frames into one; the [`decoder`] does not
//! mind. What it cannot mend is a character that was cut in two: `splitLargeFrames` of stompjs may do
//! that to those above U+FFFF, and such a frame is refused.
//!
//! `PORT` changes the port.

mod broker;
mod connection;
mod decoder;
mod frame;
mod header;
mod heartbeat;

use std::{env, io};

use axum::Router;
use axum::serve::ListenerExt;
use sockjs_axum::SockJsLayer;
use tokio::net::TcpListener;

use crate::broker::Broker;

#[tokio::main]
async fn main() -> io::Result<()> {
    let stomp = SockJsLayer::new("/stomp")
        .on_session(connection::serve)
        .with_state(Broker::default());
    let app = Router::new().layer(stomp);

    let port = env::var("PORT").unwrap_or_else(|_| "3002".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    // Frames are small writes, which Nagle's algorithm would hold back one behind the other.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}
