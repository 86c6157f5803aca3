//! What an operator sees: spans and events of `tracing`, and metrics.

mod documented;
mod events;
mod failures;
mod log;
mod metrics;
mod recorder;

use axum::Router;
use http::StatusCode;
use sockjs_axum::{Session, SockJsHandle, SockJsLayer};
use support::{PATIENCE, Request, Server, Sessions};

/// A server with small limits, whose sessions the test holds.
struct Bench {
    server: Server,
    handle: SockJsHandle,
    sessions: Sessions,
}

impl Bench {
    async fn start() -> Self {
        let layer = SockJsLayer::new("/echo")
            .disconnect_delay(PATIENCE)
            .heartbeat_delay(PATIENCE)
            .message_limit(100)
            .body_limit(200);
        let (layer, sessions) = Sessions::capture(layer);
        Self {
            handle: layer.handle(),
            server: Server::start(Router::new().layer(layer)).await,
            sessions,
        }
    }
}

/// A request that is refused, and how the refusal is reported.
struct Refused {
    request: Request<'static>,
    status: u16,
    /// The reason in the metrics.
    reason: &'static str,
    /// Whether the request hit a limit that an operator may want to change.
    limit: Limit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Limit {
    Hit,
    Kept,
}

/// Returns a request for each reason to refuse one.
async fn refusals(bench: &Bench) -> (Vec<Refused>, Vec<Server>) {
    let server = &bench.server;
    let peer = || server.peer();
    let kept = |request, status, reason| Refused {
        request,
        status,
        reason,
        limit: Limit::Kept,
    };
    let hit = |request, status, reason| Refused {
        limit: Limit::Hit,
        ..kept(request, status, reason)
    };
    let websocket = || server.websocket("/echo/000/abc/websocket");
    let no_key = websocket().without("Sec-WebSocket-Key").request();
    let old = websocket().header("Sec-WebSocket-Version", "8").request();
    let long_head = peer().post("xhr").header("X-Long", "x".repeat(17_000));
    let sends = |body: &str| peer().post("xhr_send").body(body);

    let full = Server::echo(|layer| layer.max_sessions(0)).await;
    let greedy = Server::echo(|layer| layer.max_sessions_per_key(0, |_| ())).await;
    let strict = |layer: SockJsLayer| layer.allowed_origins(["https://app.example"]);
    let strict = Server::echo(strict).await;
    let refuses = |_: Refuses, _: Session| async {};
    let refuses = Server::echo(|layer| layer.on_session(refuses)).await;
    let stopped = SockJsLayer::new("/echo");
    stopped.handle().shutdown(PATIENCE).await;
    let stopped = Server::start(Router::new().layer(stopped)).await;
    let foreign = strict.get("/echo/info");
    let foreign = foreign.header("Origin", "https://evil.example");

    let refusals = vec![
        kept(server.get("/echo/nonsense"), 404, "not_found"),
        kept(peer().get("xhr"), 405, "method"),
        kept(sends(r#"["x"]"#), 404, "no_session"),
        kept(sends(""), 500, "payload"),
        kept(sends("["), 500, "payload"),
        kept(sends("[5]"), 500, "payload"),
        kept(long_head, 431, "head"),
        kept(peer().get("jsonp"), 500, "callback"),
        kept(peer().get("htmlfile?c=%20"), 500, "callback"),
        kept(peer().get("websocket"), 400, "handshake"),
        kept(no_key, 400, "handshake"),
        kept(old, 400, "handshake"),
        kept(foreign, 403, "origin"),
        kept(refuses.peer().post("xhr"), 418, "handler"),
        kept(stopped.peer().post("xhr"), 503, "shutting_down"),
        hit(sends(&" ".repeat(201)), 413, "body_limit"),
        hit(
            sends(&format!("[\"{}\"]", "x".repeat(101))),
            413,
            "message_limit",
        ),
        hit(full.peer().post("xhr"), 503, "max_sessions"),
        kept(greedy.peer().post("xhr"), 429, "max_sessions_per_key"),
    ];
    (refusals, vec![full, greedy, strict, refuses, stopped])
}

/// Refuses every session.
struct Refuses;

impl<S: Sync> axum::extract::FromRequestParts<S> for Refuses {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut http::request::Parts, _: &S) -> Result<Self, StatusCode> {
        Err(StatusCode::IM_A_TEAPOT)
    }
}
