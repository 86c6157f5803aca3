//! When a mount claims a session, and when it lets the claim go.

use std::time::Duration;

use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Call, Direct, Nodes, Opening, Wire, ending, received, until};

use super::{peers, start};
use crate::receive::GO_AWAY;

/// How long an ended session is remembered after its disconnect delay.
const REMEMBER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_claim_is_made_for_the_first_request_alone() {
    let (nodes, [mut a, ..]) = start(|layer| layer).await;
    let peer = a.server.peer();
    peer.open().await;
    assert_eq!(nodes.take_calls(), [Call::Claim, Call::Opened]);
    let mut session = a.sessions.next().await;
    peer.send(r#"["x"]"#).await;
    received(&mut session).await;
    session.try_send("x").unwrap();
    peer.poll().await;
    assert_eq!(nodes.take_calls(), []);

    session.close(3000, "Go away!");
    peer.poll().await;
    let remembered = support::PATIENCE + REMEMBER;
    until("the end", || a.handle.is_empty()).await;
    assert_eq!(nodes.take_calls(), [Call::Ended(remembered)]);
    // The table of ended sessions answers.
    assert_eq!(peer.poll().await, format!("{GO_AWAY}\n"));
    assert_eq!(nodes.take_calls(), []);
}

#[tokio::test]
async fn websockets_claim_nothing() {
    let (nodes, [mut a, ..]) = start(|layer| layer).await;
    nodes.set_away(true);
    let sockets = Opening::ALL
        .into_iter()
        .filter(|it| it.transport().is_websocket());
    for opening in sockets {
        let path = opening.path(&support::unique_path("/echo"));
        let mut socket = a.server.websocket(&path).open().await;
        a.sessions.next().await.try_send("x").unwrap();
        socket.frame().await;
    }
    assert_eq!(nodes.take_calls(), []);
}

#[tokio::test]
async fn a_refused_opening_gives_its_claim_up() {
    struct User;
    impl<S: Sync> axum::extract::FromRequestParts<S> for User {
        type Rejection = axum::http::StatusCode;
        async fn from_request_parts(
            parts: &mut axum::http::request::Parts,
            _: &S,
        ) -> Result<Self, Self::Rejection> {
            match parts.headers.get("x-user") {
                Some(_) => Ok(Self),
                None => Err(axum::http::StatusCode::UNAUTHORIZED),
            }
        }
    }
    let nodes = Nodes::default();
    let layer: SockJsLayer = SockJsLayer::new("/echo").on_session(async |_: User, _: Session| {});
    let direct = Direct::new(nodes.join(layer));
    let response = direct.send("POST", "/echo/000/a/xhr", "").await;
    assert_eq!(response.status(), 401);
    assert_eq!(nodes.take_calls(), [Call::Claim, Call::Abandoned]);
}

#[tokio::test]
async fn a_dropped_opening_gives_its_claim_up() {
    struct Never;
    impl<S: Sync> axum::extract::FromRequestParts<S> for Never {
        type Rejection = axum::http::StatusCode;
        async fn from_request_parts(
            _: &mut axum::http::request::Parts,
            _: &S,
        ) -> Result<Self, Self::Rejection> {
            std::future::pending().await
        }
    }
    let nodes = Nodes::default();
    let layer: SockJsLayer = SockJsLayer::new("/echo").on_session(async |_: Never, _: Session| {});
    let direct = Direct::new(nodes.join(layer));
    {
        let mut request = std::pin::pin!(direct.send("POST", "/echo/000/a/xhr", ""));
        let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(request.as_mut().poll(cx)));
        assert!(poll.await.is_pending());
        assert_eq!(nodes.take_calls(), [Call::Claim]);
    }
    assert_eq!(nodes.take_calls(), [Call::Abandoned]);
}

/// The directory may have made the claim when its answer is not waited for.
#[tokio::test]
async fn a_claim_that_is_not_waited_for_is_given_up() {
    let nodes = Nodes::default();
    let direct = Direct::new(nodes.join(SockJsLayer::echo("/echo")));
    nodes.hang();
    {
        let mut request = std::pin::pin!(direct.send("POST", "/echo/000/a/xhr", ""));
        let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(request.as_mut().poll(cx)));
        assert!(poll.await.is_pending());
        assert_eq!(nodes.take_calls(), [Call::Claim]);
    }
    assert_eq!(nodes.take_calls(), [Call::Abandoned]);
}

/// Strangers' ids cannot fill the directory of a node that has no room.
#[tokio::test]
async fn a_full_node_claims_nothing_and_relays() {
    let (nodes, mut three) = start(|layer| layer.max_sessions(1)).await;
    let [a, b, _] = peers(&three);
    a.open().await;
    let mut session = three[0].sessions.next().await;
    three[1].server.peer().open().await;
    nodes.take_calls();

    let refused = three[1].server.peer().post("xhr").send().await;
    assert_eq!(refused.status, 503);
    assert_eq!(nodes.take_calls(), []);
    session.try_send("x").unwrap();
    assert_eq!(b.poll().await, "a[\"x\"]\n");
    b.send(r#"["y"]"#).await;
    assert_eq!(received(&mut session).await, "y");
}

#[tokio::test]
async fn a_session_that_another_node_owns_now_is_closed() {
    let (nodes, mut three) = start(|layer| layer).await;
    for wire in Wire::ALL {
        let [a, ..] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = a.receiver(wire);
        receiver.attach().await;
        nodes.lose_claims(0);
        assert_eq!(receiver.next_frame().await, r#"c[1001,"Going away"]"#);
        let ending = ending(&session).await;
        assert_eq!(
            (ending.cause(), ending.reason().code()),
            (Cause::ClaimLost, 1001)
        );
    }
}
