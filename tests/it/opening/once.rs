//! Extractors run once a session, on the request that opens it, and on no other.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use sockjs_axum::{Session, SockJsLayer};
use support::{Frame, Opening, Receiver, Server, Wire, ending, unique_path};
use tokio::sync::mpsc;

use super::{User, next};
use crate::receive::{ANOTHER_CONNECTION, GO_AWAY};

/// How many requests extractors saw.
#[derive(Clone, Debug, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts its runs.
#[derive(Debug)]
struct Counted;

impl<S: Sync> FromRequestParts<S> for Counted
where
    Runs: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Runs::from_ref(state).0.fetch_add(1, Ordering::SeqCst);
        Ok(Self)
    }
}

/// Starts a server whose sessions echo and are counted, and end when told `bye`.
async fn server(configure: impl FnOnce(SockJsLayer<Runs>) -> SockJsLayer<Runs>) -> (Server, Runs) {
    let runs = Runs::default();
    let layer = SockJsLayer::new("/echo")
        .heartbeat_delay(support::PATIENCE)
        .disconnect_delay(support::PATIENCE)
        .on_session(async |_: Counted, mut session: Session| {
            while let Some(message) = session.recv().await {
                if &*message == "bye" {
                    session.close(3000, "Go away!");
                } else if session.send(message).await.is_err() {
                    break;
                }
            }
        });
    let layer = configure(layer).with_state(runs.clone());
    (Server::start(Router::new().layer(layer)).await, runs)
}

#[tokio::test]
async fn extractors_run_once_for_all_requests_of_a_session() {
    let (server, runs) = server(|layer| layer.response_limit(1)).await;

    for (before, wire) in Wire::ALL.into_iter().enumerate() {
        let peer = server.peer();
        assert_eq!(runs.count(), before);
        assert!(peer.answer(wire).await.contains('o'), "{wire:?}");
        assert_eq!(runs.count(), before + 1, "{wire:?} opens");

        // Its other requests, good and bad ones.
        peer.send("[]").await;
        peer.send(r#"["x"]"#).await;
        let sent = peer.post("jsonp_send").body(r#"["y"]"#).send().await;
        assert_eq!(sent.status, 200);
        assert_eq!(peer.send_status("nonsense").await, 500);
        let preflight = peer.request("OPTIONS", "xhr").send().await;
        assert_eq!(preflight.status, 204);
        assert_eq!(peer.request("PUT", "xhr").send().await.status, 405);
        assert_eq!(peer.receiver(wire).messages(2).await, ["x", "y"]);
        // A receiver of every transport, of which all but one are refused.
        let mut attached = peer.receiver(wire);
        attached.attach().await;
        for other in Wire::ALL {
            let refused = peer.answer(other).await;
            assert_eq!(refused, other.frame(ANOTHER_CONNECTION));
        }
        // The end, and what comes late.
        peer.send(r#"["bye"]"#).await;
        attached.expect(GO_AWAY).await;
        for other in Wire::ALL {
            assert_eq!(peer.answer(other).await, other.frame(GO_AWAY));
        }
        assert_eq!(peer.send_status(r#"["late"]"#).await, 404);

        assert_eq!(runs.count(), before + 1, "{wire:?}");
    }
}

#[tokio::test]
async fn extractors_run_once_for_a_session_that_changes_its_transport() {
    let (server, runs) = server(|layer| layer.response_limit(1)).await;
    let peer = server.peer();
    peer.open().await;

    for wire in Wire::ALL {
        peer.send(r#"["x"]"#).await;
        assert_eq!(peer.answer(wire).await, wire.frame(r#"a["x"]"#));
    }

    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn extractors_run_once_for_a_websocket() {
    let (server, runs) = server(|layer| layer).await;
    let session = unique_path("/echo");

    let path = Opening::WebSocket.path(&session);
    let mut socket = server.websocket(&path).open().await;
    socket.expect("o").await;
    socket.send_text(r#"["x"]"#).await;
    socket.expect(r#"a["x"]"#).await;
    socket.send_text(r#"["bye"]"#).await;
    socket.expect(GO_AWAY).await;
    assert_eq!(runs.count(), 1);

    let path = Opening::RawWebSocket.path(&session);
    let mut socket = server.websocket(&path).open().await;
    socket.send_text("x").await;
    assert_eq!(socket.text().await, "x");
    socket.send(Frame::close(1000, "")).await;
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn extractors_do_not_run_for_a_request_that_opens_no_session() {
    let (server, runs) = server(|layer| layer.websocket(false)).await;
    let peer = || server.peer();
    let requests = [
        (200, server.get("/echo")),
        (200, server.get("/echo/info")),
        (200, server.get("/echo/iframe.html")),
        (204, server.request("OPTIONS", "/echo/info")),
        (404, server.get("/echo/nothing")),
        (204, peer().request("OPTIONS", "xhr")),
        (204, peer().request("OPTIONS", "xhr_streaming")),
        (204, peer().request("OPTIONS", "xhr_send")),
        (405, peer().get("xhr")),
        (405, peer().get("xhr_streaming")),
        (405, peer().post("eventsource")),
        (405, peer().request("HEAD", "eventsource")),
        (500, peer().get("jsonp")),
        (500, peer().get("htmlfile?c=%20")),
        (404, peer().post("xhr_send").body(r#"["x"]"#)),
        (404, peer().post("jsonp_send").body(r#"["x"]"#)),
        (500, peer().post("xhr_send").body("x")),
        (404, server.websocket("/echo/000/abc/websocket").request()),
        (404, server.websocket("/echo/websocket").request()),
        (
            404,
            server.post(&format!("/echo/000/{}/xhr", "a".repeat(129))),
        ),
    ];

    for (status, request) in requests {
        let line = request.line();
        assert_eq!(request.send().await.status, status, "{line}");
        assert_eq!(runs.count(), 0, "{line}");
    }
}

#[tokio::test]
async fn extractors_do_not_run_for_a_failed_handshake() {
    let (server, runs) = server(|layer| layer).await;

    for opening in [Opening::WebSocket, Opening::RawWebSocket] {
        let path = opening.path("/echo/000/abc");
        for handshake in [
            server.websocket(&path).without("Upgrade"),
            server.websocket(&path).header("Connection", "keep-alive"),
            server.websocket(&path).header("Sec-WebSocket-Version", "8"),
            server.websocket(&path).without("Sec-WebSocket-Key"),
        ] {
            let response = handshake.request().send().await;
            assert_eq!(response.status, 400, "{opening:?}");
        }
        let response = server.websocket(&path).method("POST").request();
        assert_eq!(response.send().await.status, 405, "{opening:?}");
    }

    assert_eq!(runs.count(), 0);
}

#[tokio::test]
async fn extractors_do_not_run_for_a_refused_origin_or_above_max_sessions() {
    let (server, runs) = server(|layer| {
        layer
            .allowed_origins(["https://app.example"])
            .max_sessions(1)
    })
    .await;
    let refused = async |status: u16, origin: &str| {
        for opening in Opening::ALL {
            let path = opening.path(&unique_path("/echo"));
            let request = opening.request(&server, &path).header("Origin", origin);
            assert_eq!(request.send().await.status, status, "{opening:?}");
        }
    };

    refused(403, "https://evil.example").await;
    assert_eq!(runs.count(), 0);

    let mut only: Receiver = server.peer().receiver(Wire::XhrStreaming);
    only.expect("o").await;
    assert_eq!(runs.count(), 1);
    refused(503, "https://app.example").await;
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn extractors_after_a_rejection_do_not_run() {
    let runs = Runs::default();
    let layer = SockJsLayer::new("/echo")
        .on_session(async |_: User, _: Counted, _: Session| {})
        .with_state(runs.clone());
    let server = Server::start(Router::new().layer(layer)).await;

    assert_eq!(server.peer().post("xhr").send().await.status, 401);

    assert_eq!(runs.count(), 0);
}

#[tokio::test]
async fn the_handler_is_called_once_and_ends_with_its_session() {
    let (tx, mut ends) = mpsc::unbounded_channel();
    let handler = async move |user: User, session: Session| {
        let ending = ending(&session).await;
        tx.send((user, ending)).expect("the test waits");
    };
    // A poll that is reset before the owner of the session has heard of it never came.
    let server = Server::echo_alone(|layer| layer.on_session(handler)).await;

    for opening in Opening::ALL {
        let path = opening.path(&unique_path("/echo"));
        let user = format!("{opening:?}");
        let request = opening.request(&server, &path).header("X-User", &user);
        let response = request.send().await;
        assert_eq!(response.status, opening.status(), "{opening:?}");
        let is_poll = matches!(opening, Opening::Http(wire) if !wire.streams());
        if is_poll {
            response.bytes().await;
            // Nothing else ends a session between two polls.
            let session = path.rsplit_once('/').expect("a path").0.to_owned();
            let gone = server.peer_at(session).post("xhr").start().await;
            gone.into_connection().reset();
        } else {
            drop(response);
        }

        let (who, _) = next(&mut ends).await;
        assert_eq!(who, User(user));
        assert!(ends.is_empty(), "{opening:?}");
    }
}
