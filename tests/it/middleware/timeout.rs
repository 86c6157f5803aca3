//! A timeout limits the time until the head of a response. A poll has no head until a frame is
//! ready.

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use sockjs_axum::{Cause, SockJsLayer};
use support::{Sessions, next_piece, timed, websocket_in_memory};
use tokio::time::sleep;
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutLayer;

use super::{assert_untroubled, echo, routes};

fn after(seconds: u64) -> TimeoutLayer {
    let limit = Duration::from_secs(seconds);
    TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limit)
}

async fn post(router: &Router, path: &str) -> http::Response<Body> {
    let request = Request::post(path).body(Body::empty());
    let response = router.clone().oneshot(request.expect("a valid request"));
    response.await.expect("a router does not fail")
}

async fn text(response: http::Response<Body>) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1000).await;
    String::from_utf8(body.expect("a short body").to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn a_timeout_that_is_not_reached_may_be_above_or_below() {
    assert_untroubled(routes().layer(echo()).layer(after(60))).await;
    assert_untroubled(routes().layer(after(60)).layer(echo())).await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_leaves_polls_alone() {
    let router = routes().layer(after(1)).layer(SockJsLayer::new("/echo"));
    assert_eq!(text(post(&router, "/echo/0/a/xhr").await).await, "o\n");

    let (waited, answer) = timed(post(&router, "/echo/0/a/xhr")).await;

    assert_eq!(text(answer).await, "h\n");
    assert_eq!(waited.as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_that_allows_for_a_heartbeat_leaves_polls_alone() {
    let router = routes().layer(SockJsLayer::new("/echo")).layer(after(26));
    assert_eq!(text(post(&router, "/echo/0/a/xhr").await).await, "o\n");

    for _ in 0..3 {
        let answer = post(&router, "/echo/0/a/xhr").await;
        assert_eq!(text(answer).await, "h\n");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_shorter_than_the_heartbeat_delay_kills_polls() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let router = routes().layer(layer).layer(after(10));
    assert_eq!(text(post(&router, "/echo/0/a/xhr").await).await, "o\n");
    let session = sessions.next().await;

    let answer = post(&router, "/echo/0/a/xhr").await;

    // For the session this is the same as a client that has disconnected.
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    let (_, ending) = timed(session.closed()).await;
    assert_eq!(ending.cause(), Cause::ReceiverLost);
    let answer = post(&router, "/echo/0/a/xhr").await;
    assert_eq!(text(answer).await, "c[1002,\"Connection interrupted\"]\n");
}

#[tokio::test(start_paused = true)]
async fn streams_and_websockets_outlive_a_timeout_above() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let router = routes().layer(layer).layer(after(1));

    let response = post(&router, "/echo/0/a/xhr_streaming").await;
    let mut stream = response.into_body();
    assert_eq!(next_piece(&mut stream).await, Some("h".repeat(2048) + "\n"));
    assert_eq!(next_piece(&mut stream).await.as_deref(), Some("o\n"));
    let streaming = sessions.next().await;
    let path = "/echo/0/b/websocket";
    let mut socket = websocket_in_memory(router, path, 1024).await;
    socket.expect("o").await;
    let websocket = sessions.next().await;
    sleep(Duration::from_secs(10)).await;

    streaming.try_send("x").unwrap();
    let frame = next_piece(&mut stream).await;
    assert_eq!(frame.as_deref(), Some("a[\"x\"]\n"));
    websocket.try_send("y").unwrap();
    socket.expect(r#"a["y"]"#).await;
}
