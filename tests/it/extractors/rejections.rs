//! Requests that an extractor rejects.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use sockjs_axum::{Session, SockJsLayer};
use support::{Server, Wire, received, within};
use tokio::sync::mpsc;

/// Lets requests with a token pass.
struct Token;

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match parts.headers.get("x-token") {
            Some(_) => Ok(Self),
            None => {
                let challenge = [("www-authenticate", "Token")];
                Err((StatusCode::UNAUTHORIZED, challenge, "a token, please").into_response())
            }
        }
    }
}

/// A server of a layer whose sessions need a token.
async fn guarded(configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone) -> (Server, Admitted) {
    let (tx, sessions) = mpsc::unbounded_channel();
    let handler = move |_: Token, session: Session| {
        tx.send(session).ok();
        std::future::ready(())
    };
    let server = Server::echo(|layer| configure(layer.on_session(handler))).await;
    (server, Admitted(sessions))
}

/// The sessions that were not rejected.
struct Admitted(mpsc::UnboundedReceiver<Session>);

impl Admitted {
    async fn next(&mut self) -> Session {
        let session = within("a session", self.0.recv()).await;
        session.expect("the server lives")
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[tokio::test]
async fn a_rejection_is_the_answer_and_there_is_no_session() {
    let (server, mut sessions) = guarded(|layer| layer).await;

    for wire in Wire::ALL {
        let peer = server.peer();

        let rejected = peer.receive(wire).send().await;
        assert_eq!(rejected.status, 401, "{wire:?}");
        assert_eq!(rejected.header("www-authenticate"), Some("Token"));
        assert_eq!(rejected.text().await, "a token, please", "{wire:?}");
        assert_eq!(peer.send_status(r#"["x"]"#).await, 404, "{wire:?}");
        assert!(sessions.is_empty(), "{wire:?}");

        let mut admitted = peer.receive(wire).header("X-Token", "1").send().await;
        wire.expect_prelude(&mut admitted).await;
        admitted.expect(wire.frame("o")).await;
        peer.send(r#"["x"]"#).await;
        assert_eq!(received(&mut sessions.next().await).await, "x");
    }
}

#[tokio::test]
async fn a_rejected_websocket_is_not_upgraded() {
    let (server, mut sessions) = guarded(|layer| layer).await;

    for path in ["/echo/000/abc/websocket", "/echo/websocket"] {
        let handshake = server.websocket(path);
        let rejected = handshake.clone().request().send().await;
        assert_eq!(rejected.status, 401);
        assert_eq!(rejected.header("www-authenticate"), Some("Token"));
        assert_eq!(rejected.header("upgrade"), None);
        assert_eq!(rejected.text().await, "a token, please");
        assert!(sessions.is_empty());

        handshake.header("X-Token", "1").open().await;
        sessions.next().await;
    }
}

#[tokio::test]
async fn extractors_run_on_the_opening_request_only() {
    let (server, mut sessions) = guarded(|layer| layer).await;
    let peer = server.peer();
    let opened = peer.post("xhr").header("X-Token", "1").send().await;
    assert_eq!(opened.text().await, "o\n");
    let session = sessions.next().await;

    session.try_send("x").unwrap();

    assert_eq!(peer.poll().await, "a[\"x\"]\n");
    peer.send(r#"["y"]"#).await;
}

#[tokio::test]
async fn a_rejection_frees_its_place() {
    let (server, mut sessions) = guarded(|layer| layer.max_sessions(1)).await;

    for _ in 0..3 {
        assert_eq!(server.peer().post("xhr").send().await.status, 401);
        let handshake = server.websocket("/echo/000/abc/websocket").request();
        assert_eq!(handshake.send().await.status, 401);
    }

    let admitted = server.peer().post("xhr").header("X-Token", "1");
    assert_eq!(admitted.send().await.text().await, "o\n");
    sessions.next().await;
}

#[tokio::test]
async fn a_rejection_has_cors_headers() {
    let (server, _sessions) = guarded(|layer| layer.jsessionid(true)).await;
    let origin = "https://example.com";

    let request = server.peer().post("xhr").header("Origin", origin);
    let rejected = request.send().await;

    assert_eq!(rejected.status, 401);
    support::assert_cors(&rejected, Some(origin));
    support::assert_not_cached(&rejected);
    let cookie = rejected.header("set-cookie");
    assert_eq!(cookie, Some("JSESSIONID=dummy; path=/"));
}

#[tokio::test]
async fn requests_refused_earlier_run_no_extractor() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl<S: Sync> FromRequestParts<S> for Counted {
        type Rejection = StatusCode;
        async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            CALLS.fetch_add(1, Ordering::Relaxed);
            Ok(Self)
        }
    }
    let handler = |_: Counted, session: Session| async move {
        session.closed().await;
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let peer = server.peer();

    peer.get("xhr").send().await;
    peer.get("jsonp").send().await;
    peer.get("htmlfile?c=%3C").send().await;
    peer.get("websocket").send().await;
    peer.post("xhr_send").body("[]").send().await;
    peer.request("OPTIONS", "xhr").send().await;
    server.get("/echo/info").send().await;
    server.get("/echo").send().await;
    assert_eq!(CALLS.load(Ordering::Relaxed), 0);

    peer.open().await;
    peer.send("[]").await;
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}
