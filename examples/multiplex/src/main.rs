//! Three channels over one session: `cargo run -p multiplex`, then open the address it prints in a browser.
//!
//! `echo` sends everything back, `clock` tells the time each second, and `chat` passes on each
//! message to all sessions that have it open. `PORT` changes the port.

mod page;

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, io};

use axum::Router;
use axum::serve::ListenerExt;
use multiplex::{Channel, ChannelClosed, Multiplex};
use sockjs_axum::{Session, SockJsLayer};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

#[tokio::main]
async fn main() -> io::Result<()> {
    let clients = page::Clients::from_env()?;
    let (chat, _) = broadcast::channel(CHAT_LEN);
    let multiplex = Multiplex::new()
        .channel("echo", echo)
        .channel("clock", clock)
        .channel("chat", move |channel| talk(channel, chat.clone()))
        .max_channels(10);
    let sockjs = SockJsLayer::new("/multiplex")
        .on_session(move |session: Session| multiplex.clone().serve(session))
        .sockjs_url(clients.sockjs_url())
        .message_limit(16 * 1024);
    let app = Router::new().merge(clients.routes()).layer(sockjs);

    let port = env::var("PORT").unwrap_or_else(|_| "3004".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Open http://{}/", listener.local_addr()?);

    // A message is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}

async fn echo(mut channel: Channel) -> Result<(), ChannelClosed> {
    while let Some(text) = channel.recv().await {
        channel.send(text).await?;
    }
    Ok(())
}

/// Tells the time in milliseconds since 1970, until the client says `stop`.
async fn clock(mut channel: Channel) -> Result<(), ChannelClosed> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            text = channel.recv() => match text.as_deref() {
                None | Some("stop") => return Ok(()),
                Some(_) => {}
            },
            _ = ticks.tick() => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.map_or(0, |since| since.as_millis());
                channel.send(now.to_string()).await?;
            }
        }
    }
}

async fn talk(mut channel: Channel, chat: broadcast::Sender<String>) -> Result<(), ChannelClosed> {
    let mut said = chat.subscribe();
    loop {
        tokio::select! {
            text = channel.recv() => match text {
                // The channel itself hears it too, so there is at least one receiver.
                Some(text) => drop(chat.send(text)),
                None => return Ok(()),
            },
            text = said.recv() => match text {
                Ok(text) => channel.send(text).await?,
                Err(RecvError::Lagged(missed)) => {
                    channel.send(format!("({missed} messages missed)")).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// How many messages wait for a client that does not keep up. It misses the older ones then.
const CHAT_LEN: usize = 100;
