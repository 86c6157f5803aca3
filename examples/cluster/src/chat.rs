//! The chat: one room, whose members are on all nodes.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sockjs_axum::{Message, Session, SlowPolicy, SockJsLayer, Topic};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::name::Name;

/// The name of a node.
pub(crate) type NodeName = Arc<str>;

/// What a session says first. Anybody can be anybody here; `examples/chat` shows tokens.
#[derive(Debug, Deserialize)]
struct Hello {
    nickname: Name,
}

/// What it says from then on.
#[derive(Debug, Deserialize)]
struct Say {
    text: String,
}

/// What it hears. `node` is the node that has the session of `nickname`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Event<'a> {
    /// The answer to [`Hello`], with the node that has the session.
    Joined {
        node: &'a str,
    },
    Said {
        nickname: &'a Name,
        node: &'a str,
        text: &'a str,
        /// In milliseconds since 1970.
        at: u64,
    },
    Came {
        nickname: &'a Name,
        node: &'a str,
    },
    Left {
        nickname: &'a Name,
        node: &'a str,
    },
}

/// The layer that all nodes have.
pub(crate) fn layer(node: NodeName) -> SockJsLayer {
    SockJsLayer::new("/chat")
        .on_session(talk)
        .with_state(node)
        .max_sessions(10_000)
        .message_limit(16 * 1024)
        .receive_buffer(16 * 1024)
}

/// Serves a session.
async fn talk(State(node): State<NodeName>, mut session: Session) {
    let first = timeout(HELLO_TIMEOUT, session.recv()).await;
    let first = match first {
        Ok(Some(first)) => first,
        // The client has closed.
        Ok(None) => return,
        Err(_) => return session.close(4401, "Say who you are"),
    };
    let Ok(Hello { nickname }) = first.json() else {
        return session.close(4400, "Not understood");
    };
    if session
        .send_json(&Event::Joined { node: &node })
        .await
        .is_err()
        || session.join(ROOM).is_err()
    {
        return;
    }
    let (nickname, node) = (&nickname, &*node);
    let room = session.topic(ROOM);
    tell(&room, Event::Came { nickname, node }).await;
    let goodbye = listen(&mut session, &room, nickname, node).await;
    tell(&room, Event::Left { nickname, node }).await;
    if let Err((code, reason)) = goodbye {
        session.close(code, reason);
    }
}

async fn listen(
    session: &mut Session,
    room: &Topic,
    nickname: &Name,
    node: &str,
) -> Result<(), (u16, &'static str)> {
    // What comes faster waits at the client.
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(message) = session.recv().await {
        let Ok(Say { text }) = message.json() else {
            return Err((4400, "Not understood"));
        };
        let text: String = text.trim().chars().take(MAX_TEXT_LEN).collect();
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = since.map_or(0, |since| since.as_millis() as u64);
        let said = Event::Said {
            nickname,
            node,
            text: &text,
            at,
        };
        tell(room, said).await;
        pace.tick().await;
    }
    Ok(())
}

/// Tells the members on all nodes. Two members on different nodes may hear two events in different orders.
async fn tell(room: &Topic, event: Event<'_>) {
    let message = Message::from_json(&event).expect("text and numbers are JSON");
    room.send(message, SlowPolicy::Close).await;
}

const ROOM: &str = "everybody";

/// How long a session may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How often one session is heard.
const PACE: Duration = Duration::from_millis(200);

const MAX_TEXT_LEN: usize = 1000;
