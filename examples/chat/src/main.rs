//! A chat: `cargo run -p chat`, then open the address it prints in two browsers.

mod login;
mod name;
mod page;
mod protocol;
mod rooms;
mod talk;
#[cfg(test)]
mod tests;

use std::time::Duration;
use std::{env, io};

use axum::Router;
use axum::routing::post;
use axum::serve::ListenerExt;
use sockjs_axum::SockJsLayer;
use tokio::net::TcpListener;

use crate::login::Logins;
use crate::rooms::Rooms;

/// What all sessions and requests share.
#[derive(Clone, Debug, Default)]
struct Chat {
    logins: Logins,
    rooms: Rooms,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let client = page::Client::from_env()?;
    let chat = Chat::default();
    let sockjs = sockjs(chat.clone()).sockjs_url(client.url());
    let handle = sockjs.handle();
    let app = Router::new()
        .route("/login", post(login::log_in))
        .with_state(chat)
        .merge(client.routes())
        .layer(sockjs);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Open http://{}/", listener.local_addr()?);

    // A message is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            if let Err(error) = tokio::signal::ctrl_c().await {
                eprintln!("Ctrl-C will not work: {error}");
                std::future::pending::<()>().await;
            }
            println!("Saying goodbye");
            // axum waits for all responses to end, and those of sessions end only with these.
            handle.shutdown(GOODBYE).await;
        })
        .await
}

fn sockjs(chat: Chat) -> SockJsLayer {
    SockJsLayer::new("/chat")
        .on_session(talk::talk)
        .with_state(chat)
        .max_sessions(10_000)
        .message_limit(16 * 1024)
        .receive_buffer(16 * 1024)
}

/// How long sessions may take to hear what is still to be said to them.
const GOODBYE: Duration = Duration::from_secs(5);
