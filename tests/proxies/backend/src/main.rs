//! The server that `tests/proxies` puts behind proxies.
//!
//! `/echo` sends every message back; only `about` is answered with what the application knows of
//! its session. `GET /sessions` lists the sessions that ended, and `GET /ready` is for health checks.
//! On SIGTERM it is not ready for a while, then ends all sessions, then itself, as
//! `docs/deployment.md` has it.
//!
//! | Variable | Default | |
//! |---|---|---|
//! | `PORT` | any | where it listens |
//! | `SOCKET` | none | the path of a Unix socket where it listens, too |
//! | `NODE` | `a` | its name |
//! | `HEARTBEAT` | 25000 | heartbeat delay in milliseconds |
//! | `RESPONSE_LIMIT` | 131072 | bytes of a streaming response |
//! | `JSESSIONID` | `off` | `off`, `dummy`, or `node` for a cookie that names the node |
//! | `DRAIN` | 0 | for how many milliseconds it is not ready before it ends its sessions |

mod ledger;

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use std::{env, fmt, io};

use axum::extract::State;
use axum::http::{StatusCode, Version};
use axum::serve::ListenerExt;
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use sockjs_axum::{JSessionId, Message, Session, SockJsLayer};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};

use crate::ledger::Ledger;

#[tokio::main]
async fn main() -> io::Result<()> {
    let node = variable("NODE", "a".to_owned())?;
    let drain = Duration::from_millis(variable("DRAIN", 0)?);
    let ledger = Ledger::new(&node);

    let sockjs = SockJsLayer::new("/echo")
        .on_session(echo)
        .with_state(ledger.clone())
        .heartbeat_delay(Duration::from_millis(variable("HEARTBEAT", 25_000)?))
        .response_limit(variable("RESPONSE_LIMIT", 128 * 1024)?)
        .jsessionid(match variable("JSESSIONID", "off".to_owned())?.as_str() {
            "off" => JSessionId::off(),
            "dummy" => JSessionId::dummy(),
            _ => JSessionId::custom(move |_| Some(node.clone())),
        });
    let handle = sockjs.handle();
    let app = Router::new()
        .route("/sessions", get(sessions))
        .route("/ready", get(ready))
        .with_state(ledger.clone())
        .layer(sockjs);

    let mut terminate = signal(SignalKind::terminate())?;
    let port: u16 = variable("PORT", 0)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    if let Some(path) = env::var_os("SOCKET") {
        let socket = UnixListener::bind(path)?;
        tokio::spawn(axum::serve(socket, app.clone()).into_future());
    }

    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
            ledger.leave();
            tokio::time::sleep(drain).await;
            let shutdown = handle.shutdown(Duration::from_secs(10)).await;
            println!("{shutdown:?}");
        })
        .await
}

async fn echo(version: Version, State(ledger): State<Ledger>, mut session: Session) {
    while let Some(message) = session.recv().await {
        let answer = if message == "about" {
            Message::from(about(&session, version, &ledger).to_string())
        } else {
            message
        };
        if session.send(answer).await.is_err() {
            break;
        }
    }
    // It ended, for else the loop would go on.
    ledger.record(session.id(), &session.closed().await);
}

fn about(session: &Session, version: Version, ledger: &Ledger) -> Value {
    let header = |name| {
        let values = session.headers().get_all(name).iter();
        let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        values.join(", ")
    };
    json!({
        "id": session.id().to_string(),
        "node": ledger.node(),
        "version": format!("{version:?}"),
        "remote": session.remote_addr().map(|addr| addr.to_string()),
        "path": session.path(),
        "host": header("host"),
        "x-forwarded-for": header("x-forwarded-for"),
        "x-forwarded-proto": header("x-forwarded-proto"),
    })
}

async fn sessions(State(ledger): State<Ledger>) -> Json<Value> {
    Json(ledger.report())
}

/// 404 makes HAProxy send new clients elsewhere and known ones still here, where 503 would make it
/// send nobody.
async fn ready(State(ledger): State<Ledger>) -> StatusCode {
    if ledger.leaves() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    }
}

fn variable<T>(name: &str, default: T) -> io::Result<T>
where
    T: FromStr<Err: fmt::Display>,
{
    match env::var(name) {
        Err(_) => Ok(default),
        Ok(value) => value
            .parse()
            .map_err(|error| io::Error::other(format!("{name}={value}: {error}"))),
    }
}
