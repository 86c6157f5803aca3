//! What the test server has no mount for.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use sockjs_axum::{AllowedOrigins, SendError, Session, SockJsLayer};
use sockjs_cluster::Cluster;

/// Short enough for a test to see a few heartbeats.
const HEARTBEAT_DELAY: Duration = Duration::from_millis(400);

/// How long each message of a flood is, in bytes.
const FLOOD_MESSAGE_LEN: usize = 16 * 1024;

/// Adds the mounts, and `GET /e2e/stats` with how many sessions each has.
pub(crate) fn add_to(app: Router, client_url: &str, cluster: Option<&Cluster>) -> Router {
    let allowed = env::var("ALLOWED_ORIGINS").unwrap_or_default();
    let allowed = allowed.split(',').filter(|origin| !origin.is_empty());
    let mounts = [
        ("/control", SockJsLayer::new("/control")),
        (
            "/heartbeat",
            SockJsLayer::new("/heartbeat").heartbeat_delay(HEARTBEAT_DELAY),
        ),
        (
            "/unlimited",
            SockJsLayer::new("/unlimited").response_limit(usize::MAX),
        ),
        (
            "/listed",
            SockJsLayer::new("/listed").allowed_origins(AllowedOrigins::list(allowed)),
        ),
    ];
    let mounts = mounts.map(|(prefix, layer)| {
        let layer = layer.on_session(control).sockjs_url(client_url);
        match cluster {
            Some(cluster) => (prefix, layer.peers(cluster.mount(prefix))),
            None => (prefix, layer),
        }
    });
    let handles = mounts
        .each_ref()
        .map(|(prefix, layer)| (*prefix, layer.handle()));

    let stats = move || async move {
        let open: BTreeMap<_, _> = handles
            .iter()
            .map(|(prefix, handle)| (*prefix, handle.len()))
            .collect();
        Json(BTreeMap::from([("open", open)]))
    };
    mounts
        .into_iter()
        .fold(app.route("/e2e/stats", get(stats)), |app, (_, layer)| {
            app.layer(layer)
        })
}

/// Obeys `close CODE REASON` and `flood BYTES`, and echoes everything else.
async fn control(mut session: Session) -> Result<(), SendError> {
    while let Some(message) = session.recv().await {
        match Command::parse(&message) {
            Some(Command::Close { code, reason }) => session.close(code, reason),
            Some(Command::Flood { bytes }) => flood(&session, bytes).await?,
            None => session.send(message).await?,
        }
    }
    Ok(())
}

enum Command {
    Close { code: u16, reason: String },
    Flood { bytes: usize },
}

impl Command {
    fn parse(message: &str) -> Option<Self> {
        let (name, rest) = message.split_once(' ')?;
        match name {
            "close" => {
                let (code, reason) = rest.split_once(' ')?;
                Some(Self::Close {
                    code: code.parse().ok()?,
                    reason: reason.to_owned(),
                })
            }
            "flood" => Some(Self::Flood {
                bytes: rest.parse().ok()?,
            }),
            _ => None,
        }
    }
}

async fn flood(session: &Session, bytes: usize) -> Result<(), SendError> {
    for _ in 0..bytes.div_ceil(FLOOD_MESSAGE_LEN) {
        session.send("x".repeat(FLOOD_MESSAGE_LEN)).await?;
    }
    session.send("flooded").await
}
