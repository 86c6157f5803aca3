//! Our server: `/echo`, `/broadcast`, `/topics`, `/flood`, and a look behind them.

use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Args;
use serde::{Deserialize, Serialize};
use sockjs_axum::{Session, SlowPolicy, SockJsHandle, SockJsLayer};
use sockjs_cluster::Cluster;

/// Options of our server, with the defaults of the crate.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Seconds that a session lives without a receive request
    #[arg(long, default_value_t = 5.0)]
    disconnect_delay: f64,
    /// Seconds of silence before a heartbeat
    #[arg(long, default_value_t = 25.0)]
    heartbeat_delay: f64,
    /// Bytes of frames after which a streaming response ends
    #[arg(long, default_value_t = 128 * 1024)]
    response_limit: usize,
    /// Bytes that may wait for the client of a session
    #[arg(long, default_value_t = 1024 * 1024)]
    send_buffer: usize,
    /// Bytes of each message that `/flood` sends
    #[arg(long, default_value_t = 16 * 1024)]
    flood_size: usize,
}

/// Returns the mounts, which are those of a node if there is a `cluster`.
pub(super) fn app(options: &Options, cluster: Option<&Cluster>) -> Router {
    let join = |layer: SockJsLayer, name| match cluster {
        Some(cluster) => layer.peers(cluster.mount(name)),
        None => layer,
    };
    let echo = join(options.apply(SockJsLayer::echo("/echo")), "echo");
    let room = join(options.apply(SockJsLayer::new("/broadcast")), "broadcast");
    let topics = join(options.apply(SockJsLayer::new("/topics")), "topics");
    let flooding = join(options.apply(SockJsLayer::new("/flood")), "flood");
    let mounts = vec![
        echo.handle(),
        room.handle(),
        topics.handle(),
        flooding.handle(),
    ];
    let (room_handle, topics_handle) = (room.handle(), topics.handle());
    // Layers come first, so that axum need not wrap the routes in them, which it clones for every
    // connection.
    Router::new()
        .layer(room.on_session(broadcast).with_state(room_handle))
        .layer(topics.on_session(topic).with_state(topics_handle))
        .layer(echo)
        .layer(flooding.on_session(flood).with_state(options.flood_size))
        .route("/sessions", get(sessions))
        .route("/shutdown", post(shutdown))
        .with_state(mounts)
}

impl Options {
    fn apply<S>(&self, layer: SockJsLayer<S>) -> SockJsLayer<S> {
        layer
            .disconnect_delay(Duration::from_secs_f64(self.disconnect_delay))
            .heartbeat_delay(Duration::from_secs_f64(self.heartbeat_delay))
            .response_limit(self.response_limit)
            .send_buffer(self.send_buffer)
    }
}

async fn broadcast(State(room): State<SockJsHandle>, mut session: Session) {
    while let Some(message) = session.recv().await {
        room.broadcast(message, SlowPolicy::Wait).await;
    }
}

/// A session is in the topic once it has sent "join". Everything else that is sent goes to the topic.
async fn topic(State(handle): State<SockJsHandle>, mut session: Session) -> anyhow::Result<()> {
    while let Some(message) = session.recv().await {
        if message == "join" {
            session.join("topic")?;
            session.send("joined").await?;
        } else {
            let topic = handle.topic("topic");
            topic.send(message, SlowPolicy::Wait).await;
        }
    }
    Ok(())
}

/// Sends for as long as the session is open. Each message has memory of its own.
async fn flood(State(size): State<usize>, session: Session) {
    while session.send("x".repeat(size)).await.is_ok() {}
}

/// Answers how many sessions there are.
async fn sessions(State(mounts): State<Vec<SockJsHandle>>) -> String {
    let sessions: usize = mounts.iter().map(SockJsHandle::len).sum();
    sessions.to_string()
}

/// How many seconds a shutdown may take.
#[derive(Debug, Deserialize)]
struct Deadline {
    seconds: u64,
}

/// What became of a shutdown.
#[derive(Debug, Serialize)]
struct Closed {
    sessions: usize,
    cut: usize,
    undelivered: usize,
    seconds: f64,
}

/// Shuts all mounts down, and answers when that is done.
async fn shutdown(
    State(mounts): State<Vec<SockJsHandle>>,
    Query(deadline): Query<Deadline>,
) -> Json<Closed> {
    let start = Instant::now();
    let mut closed = Closed {
        sessions: 0,
        cut: 0,
        undelivered: 0,
        seconds: 0.0,
    };
    for mount in mounts {
        let shutdown = mount.shutdown(Duration::from_secs(deadline.seconds)).await;
        closed.sessions += shutdown.sessions;
        closed.cut += shutdown.cut;
        closed.undelivered += shutdown.undelivered;
    }
    closed.seconds = start.elapsed().as_secs_f64();
    Json(closed)
}
