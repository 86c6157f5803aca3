//! Bound sessions: only requests with the same key as the opening request belong to the session.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::http::request::Parts;
use sockjs_axum::{BindingKey, KeyWriter, SockJsLayer};
use support::{Opening, Peer, Request, Server, Wire, assert_cors, assert_not_cached, received};

use crate::receive::GO_AWAY;

/// Returns the user that the request names.
fn user(parts: &Parts) -> Option<String> {
    let user = parts.headers.get("x-user")?.to_str().ok()?;
    Some(user.to_owned())
}

fn bound(layer: SockJsLayer) -> SockJsLayer {
    layer.bind_session(user)
}

/// Adds the user to a request.
fn from(request: Request<'static>, user: Option<&str>) -> Request<'static> {
    match user {
        Some(user) => request.header("X-User", user),
        None => request,
    }
}

/// Every request of a session.
fn requests(peer: &Peer) -> Vec<Request<'static>> {
    let receive = Wire::ALL.into_iter().map(|wire| peer.receive(wire));
    let send = ["xhr_send", "jsonp_send"];
    let send = send.map(|endpoint| peer.post(endpoint).body(r#"["intruder"]"#));
    receive.chain(send).collect()
}

/// Asserts that a client with another key cannot use the session by any request.
async fn assert_refused(peer: &Peer, user: Option<&str>) {
    for request in requests(peer) {
        let line = request.line();
        let response = from(request, user).send().await;
        assert_eq!(response.status, 404, "{line}");
        assert_not_cached(&response);
        assert_eq!(response.text().await, "", "{line}");
    }
}

#[tokio::test]
async fn requests_with_the_same_key_may_use_the_session() {
    let server = Server::echo(|layer| bound(layer).response_limit(1)).await;

    for user in [Some("alice"), None] {
        for first in Wire::ALL {
            let peer = server.peer();
            let mut response = from(peer.receive(first), user).send().await;
            first.expect_prelude(&mut response).await;
            response.expect(first.frame("o")).await;
            response.end().await;
            for wire in Wire::ALL {
                for (endpoint, status) in [("xhr_send", 204), ("jsonp_send", 200)] {
                    let send = peer.post(endpoint).body(r#"["x"]"#);
                    assert_eq!(from(send, user).send().await.status, status);
                }
                let mut messages = Vec::new();
                while messages.len() < 2 {
                    let mut response = from(peer.receive(wire), user).send().await;
                    wire.expect_prelude(&mut response).await;
                    let frame = wire.next_frame(&mut response).await;
                    let array = frame.strip_prefix('a').expect("messages");
                    let array: Vec<String> = serde_json::from_str(array).expect("strings");
                    messages.extend(array);
                }
                assert_eq!(messages, ["x", "x"], "{user:?}, {first:?}, {wire:?}");
            }
        }
    }
}

#[tokio::test]
async fn requests_with_another_key_find_no_session() {
    let alice = Some("alice");
    for (owner, intruder) in [
        (alice, Some("mallory")),
        (alice, Some("Alice")),
        (alice, Some("")),
        (alice, None),
        (None, alice),
        (None, Some("")),
    ] {
        for wire in Wire::ALL {
            let (server, mut sessions) = Server::capture(bound).await;
            let peer = server.peer();
            let mut response = from(peer.receive(wire), owner).send().await;
            wire.expect_prelude(&mut response).await;
            response.expect(wire.frame("o")).await;
            let mut session = sessions.next().await;

            assert_refused(&peer, intruder).await;

            // The owner's session is unaffected: no message arrived, none was read, and its
            // receiver is still attached.
            session.try_send("to the owner").expect("it is open");
            let message = r#"a["to the owner"]"#;
            if wire.streams() {
                response.expect(wire.frame(message)).await;
            } else {
                let poll = from(peer.receive(wire), owner).send().await;
                assert_eq!(poll.text().await, wire.frame(message));
            }
            let send = from(peer.post("xhr_send").body(r#"["own"]"#), owner);
            assert_eq!(send.send().await.status, 204);
            assert_eq!(received(&mut session).await, "own");
            assert!(sessions.is_empty(), "no other session was opened");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_the_404_of_an_unknown_session() {
    let server = Server::echo(bound).await;
    let peer = server.peer();
    let opened = from(peer.post("xhr"), Some("alice")).send().await;
    assert_eq!(opened.text().await, "o\n");
    let origin = "https://app.example";

    let unknown = server.peer().post("xhr_send").body("[]");
    for request in [peer.post("xhr_send").body("[]"), peer.post("xhr"), unknown] {
        let response = request.header("Origin", origin).send().await;
        assert_eq!(response.status, 404);
        assert_cors(&response, Some(origin));
        assert_eq!(response.text().await, "");
    }
    // The body is checked first, as for an unknown session.
    assert_eq!(peer.send_status("nonsense").await, 500);
    // A preflight does not name the user.
    let preflight = peer.request("OPTIONS", "xhr_send").send().await;
    assert_eq!(preflight.status, 204);
}

#[tokio::test]
async fn a_session_stays_bound_after_its_end() {
    let (server, mut sessions) = Server::capture(bound).await;
    let peer = server.peer();
    let alice = Some("alice");
    let opened = from(peer.post("xhr"), alice).send().await;
    assert_eq!(opened.text().await, "o\n");
    let session = sessions.next().await;

    session.close(3000, "Go away!");
    assert_refused(&peer, Some("mallory")).await;
    for _ in 0..2 {
        let told = from(peer.post("xhr"), alice).send().await;
        assert_eq!(told.text().await, format!("{GO_AWAY}\n"));
        // Other clients do not learn why the session ended, either.
        assert_refused(&peer, Some("mallory")).await;
        assert_refused(&peer, None).await;
    }
}

#[tokio::test]
async fn a_slow_first_request_is_checked_against_the_session_it_joins() {
    // Both requests find no session. The extractors of the first one finish earlier, so that the
    // second one then finds its session.
    use std::sync::Mutex;
    use tokio::sync::oneshot;

    #[derive(Clone)]
    struct Gates(Arc<Mutex<Vec<oneshot::Sender<()>>>>);
    #[derive(Debug)]
    struct Gate;
    impl axum::extract::FromRequestParts<Gates> for Gate {
        type Rejection = std::convert::Infallible;
        async fn from_request_parts(_: &mut Parts, gates: &Gates) -> Result<Self, Self::Rejection> {
            let (tx, opened) = oneshot::channel();
            gates.0.lock().expect("nobody panics with it").push(tx);
            opened.await.expect("the test opens it");
            Ok(Self)
        }
    }
    let gates = Gates(Arc::default());
    let layer = SockJsLayer::new("/echo")
        .on_session(async |_: Gate, mut session: sockjs_axum::Session| {
            session.recv().await;
        })
        .with_state(gates.clone());
    let server = Server::start(axum::Router::new().layer(bound(layer))).await;
    let peer = server.peer();
    let mut pending = Vec::new();
    for user in ["alice", "mallory"] {
        pending.push(from(peer.post("xhr"), Some(user)).start().await);
        let waits = async {
            while gates.0.lock().expect("nobody panics with it").len() < pending.len() {
                tokio::task::yield_now().await;
            }
        };
        support::within("a request at the gate", waits).await;
    }
    let open: Vec<_> = gates
        .0
        .lock()
        .expect("nobody panics with it")
        .drain(..)
        .collect();

    let mut answers = Vec::new();
    for (gate, request) in open.into_iter().zip(pending) {
        gate.send(()).expect("the request waits");
        let response = request.response().await;
        answers.push((response.status, response.text().await));
    }

    let expected = [(200, "o\n".to_owned()), (404, String::new())];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn a_key_can_be_of_many_types() {
    /// Case does not matter in a name.
    #[derive(Debug)]
    struct Name(String);
    impl BindingKey for Name {
        fn write_to(&self, key: &mut KeyWriter) {
            self.0.to_ascii_lowercase().write_to(key);
        }
    }
    type Configure = fn(SockJsLayer) -> SockJsLayer;
    let cases: [(Configure, &str, &str, &str); 4] = [
        (
            |layer| layer.bind_session(|parts| user(parts).map(Name)),
            "alice",
            "ALICE",
            "bob",
        ),
        (
            |layer| layer.bind_session(|parts| user(parts)?.parse::<u32>().ok()),
            "7",
            "+07",
            "8",
        ),
        (
            |layer| {
                layer.bind_session(|parts| {
                    let user = user(parts).unwrap_or_default();
                    let (tenant, name) = user.split_once('/').unwrap_or_default();
                    (tenant.len(), name.to_owned())
                })
            },
            "red/alice",
            "tan/alice",
            "blue/alice",
        ),
        (
            |layer| layer.bind_session(|parts| parts.headers.contains_key("x-user")),
            "alice",
            "bob",
            // A request that names no user.
            "",
        ),
    ];

    for (configure, owner, same, other) in cases {
        let server = Server::echo(configure).await;
        let peer = server.peer();
        let opened = from(peer.post("xhr"), Some(owner)).send().await;
        assert_eq!(opened.text().await, "o\n");

        for (user, status) in [(same, 204), (other, 404), (owner, 204)] {
            let user = (!user.is_empty()).then_some(user);
            let send = from(peer.post("xhr_send").body("[]"), user);
            assert_eq!(send.send().await.status, status, "{user:?} for {owner:?}");
        }
    }
}

#[tokio::test]
async fn a_key_is_dropped_before_the_request_is_answered() {
    // It need not be `Send`, nor outlive the request.
    #[derive(Debug)]
    struct Counted(Arc<AtomicUsize>);
    impl BindingKey for Counted {
        fn write_to(&self, _: &mut KeyWriter) {}
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let alive = Arc::new(AtomicUsize::new(0));
    let count = alive.clone();
    let (server, mut sessions) = Server::capture(|layer| {
        layer.bind_session(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            (Counted(count.clone()), std::rc::Rc::new("not `Send`"))
        })
    })
    .await;
    for opening in Opening::ALL {
        let path = opening.path(&support::unique_path("/echo"));
        let response = opening.request(&server, &path).send().await;
        assert_eq!(response.status, opening.status(), "{opening:?}");
        sessions.next().await;
        assert_eq!(alive.load(Ordering::SeqCst), 0, "{opening:?}");
    }
}

#[tokio::test]
async fn the_last_binding_counts() {
    let server = Server::echo(|layer| {
        let by_header = |parts: &Parts| parts.headers.get("x-other").cloned();
        layer.bind_session(user).bind_session(by_header)
    })
    .await;
    let peer = server.peer();
    let opened = from(peer.post("xhr"), Some("alice")).send().await;
    assert_eq!(opened.text().await, "o\n");

    peer.send("[]").await;

    let other = peer.post("xhr_send").body("[]").header("X-Other", "x");
    assert_eq!(other.send().await.status, 404);
}

#[tokio::test]
async fn the_key_is_computed_for_session_requests_only() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Server::echo(|layer| {
        layer.bind_session(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
    })
    .await;
    let asked = || asked.swap(0, Ordering::SeqCst);
    let peer = server.peer();

    for path in ["/echo", "/echo/info", "/echo/iframe.html"] {
        server.get(path).send().await.bytes().await;
    }
    peer.request("OPTIONS", "xhr").send().await;
    peer.get("xhr").send().await;
    assert_eq!(asked(), 0);

    let mut receiver = peer.receiver(Wire::XhrStreaming);
    receiver.expect("o").await;
    assert_ne!(asked(), 0);
    for request in requests(&peer) {
        let line = request.line();
        let response = request.send().await;
        assert!([200, 204].contains(&response.status), "{line}");
        assert_ne!(asked(), 0, "{line}");
    }
}

#[tokio::test]
async fn keys_may_be_taken_from_credentials() {
    // The function sees credentials even if handlers do not.
    let server = Server::echo(|layer| {
        layer.bind_session(|parts| {
            ["cookie", "authorization"].map(|name| parts.headers.get(name).cloned())
        })
    })
    .await;
    let peer = server.peer();
    let send = |cookie: &str, authorization: &str| {
        let send = peer.post("xhr_send").body("[]").header("Cookie", cookie);
        send.header("Authorization", authorization).send()
    };
    let opened = peer.post("xhr").header("Cookie", "login=alice");
    let opened = opened.header("Authorization", "Bearer 1").send().await;
    assert_eq!(opened.text().await, "o\n");

    assert_eq!(send("login=alice", "Bearer 1").await.status, 204);
    assert_eq!(send("login=mallory", "Bearer 1").await.status, 404);
    assert_eq!(send("login=alice", "Bearer 2").await.status, 404);
}

#[tokio::test]
async fn each_websocket_is_its_own_session_whatever_the_key() {
    let server = Server::echo(bound).await;
    let peer = server.peer();
    let opened = from(peer.post("xhr"), Some("alice")).send().await;
    assert_eq!(opened.text().await, "o\n");
    let session = peer.path("");
    let session = session.trim_end_matches('/');

    for opening in [Opening::WebSocket, Opening::RawWebSocket] {
        let path = opening.path(session);
        let request = opening.request(&server, &path);
        let response = request.header("X-User", "mallory").send().await;
        assert_eq!(response.status, 101, "{opening:?}");
    }

    let send = from(peer.post("xhr_send").body("[]"), Some("alice"));
    assert_eq!(send.send().await.status, 204);
}
