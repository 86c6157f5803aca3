//! Servers that do what ours never does.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use sockjs_axum::{Session, SockJsLayer};
use sockjs_client::{Client, CloseReason, ConnectError, Transport, TransportError};

use crate::places::all_transports;

/// Answers the first request of a session with the first body, and so on, and then never.
fn server(bodies: &'static [&'static [u8]]) -> Router {
    let answered = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let body = bodies.get(answered.fetch_add(1, Relaxed)).copied();
        async move {
            match body {
                Some(body) => body,
                None => std::future::pending().await,
            }
        }
    };
    Router::new()
        .route("/x/info", get("{}"))
        .route("/x/{server}/{session}/xhr", post(answer.clone()))
        .route("/x/{server}/{session}/xhr_streaming", post(answer.clone()))
        .route("/x/{server}/{session}/eventsource", get(answer))
}

async fn closed(transport: Transport, bodies: &'static [&'static [u8]]) -> String {
    let client = Client::over(server(bodies), "/x")
        .transport(transport)
        .frame_limit(5000);
    let client = client.connect().await.expect("the first body is right");
    let reason = client.closed().await;
    assert_eq!(reason.code(), 1006);
    reason.reason().to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sockjs_closes_with_1006_and_says_why() {
    use Transport::{EventSource, Xhr, XhrStreaming};
    static LONG: [u8; 20_000] = [b'a'; 20_000];
    for (transport, second, reason) in [
        (Xhr, &b"<html>\n"[..], "not SockJS: unknown frame"),
        (Xhr, b"a[1]\n", "not SockJS: broken array of messages"),
        (Xhr, b"c[1]\n", "not SockJS: broken close frame"),
        (Xhr, b"a[\"\xff\"]\n", "not SockJS: not UTF-8"),
        (Xhr, b"o\n", "Server lost session"),
        (
            Xhr,
            b"a[\"x\"]",
            "not SockJS: the response ends within a frame",
        ),
        (
            XhrStreaming,
            b"a[\"x\"]\na[",
            "not SockJS: the response ends within a frame",
        ),
        (
            EventSource,
            b"data: a[\"x\"]\r\n",
            "not SockJS: the response ends within a frame",
        ),
        (Xhr, &LONG, "frame too long"),
        (EventSource, &LONG, "frame too long"),
    ] {
        let open: &[u8] = if transport == EventSource {
            b"data: o\r\n\r\n"
        } else {
            b"o\n"
        };
        let bodies = Box::leak(Box::new([open, second]));
        assert_eq!(closed(transport, bodies).await, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_within_a_response_ends_the_session() {
    let body = || async {
        let pieces = [Ok(Bytes::from_static(b"o\na[\"x\"]\n")), Err("broken")];
        // The first piece must have left.
        Body::from_stream(stream::iter(pieces).then(|it| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            it
        }))
    };
    let app = Router::new()
        .route("/x/info", get("{}"))
        .route("/x/{server}/{session}/xhr_streaming", post(body));
    let client = Client::over(app, "/x").transport(Transport::XhrStreaming);
    let mut client = client.connect().await.unwrap();
    assert_eq!(client.recv().await.as_deref(), Some("x"));
    assert_eq!(client.recv().await, None);
    let reason = client.closed().await;
    assert_eq!(reason.code(), 1006);
    assert!(
        reason.reason().starts_with("connection lost"),
        "{}",
        reason.reason()
    );
}

#[tokio::test(start_paused = true)]
async fn empty_responses_are_followed_by_a_pause() {
    let bodies: &[&[u8]] = &[b"o\n", b"", b"", b"", b"a[\"x\"]\n"];
    let client = Client::over(server(bodies), "/x").transport(Transport::Xhr);
    let mut client = client.connect().await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(client.recv().await.as_deref(), Some("x"));
    assert_eq!(start.elapsed().as_millis() / 10, 30);
}

#[tokio::test(start_paused = true)]
async fn messages_before_the_open_frame_are_not_taken() {
    for first in [&b"a[\"x\"]\n"[..], b"nonsense\n"] {
        let bodies = Box::leak(Box::new([first]));
        let client = Client::over(server(bodies), "/x").transport(Transport::Xhr);
        let error = client.connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Transports(_)), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_info_that_is_none_is_an_error() {
    for body in ["<html>", "[]", "{\"websocket\":1}"] {
        let app = Router::new().route("/x/info", get(body));
        let error = Client::over(app, "/x").connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Info(_)), "{error}");
    }
    let long = " ".repeat(20_000) + "{}";
    let app = Router::new().route("/x/info", get(long));
    let error = Client::over(app, "/x").connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Info(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_without_the_right_key_is_no_websocket() {
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    let answer = get((StatusCode::SWITCHING_PROTOCOLS, headers));
    let app = Router::new().route("/x/websocket", answer);
    let client = Client::over(app, "/x").transport(Transport::RawWebSocket);
    let error = client.connect().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "all transports failed: websocket-raw: not SockJS: broken WebSocket handshake"
    );
}

#[tokio::test(start_paused = true)]
async fn a_frame_above_the_limit_closes_with_1006() {
    async fn long(session: Session) {
        session.send("x".repeat(6000)).await.ok();
        session.closed().await;
    }
    let app = Router::new().layer(SockJsLayer::new("/long").on_session(long));
    for transport in all_transports() {
        let client = Client::over(app.clone(), "/long").transport(transport);
        let client = client.frame_limit(5000).connect().await.unwrap();
        let expected = CloseReason::new(1006, "frame too long");
        assert_eq!(client.closed().await, expected, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_end_is_not_read_to_its_end() {
    async fn endless() -> Response {
        let pieces = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(b"no ")));
        (StatusCode::FORBIDDEN, Body::from_stream(pieces)).into_response()
    }
    async fn trickle() -> Response {
        let pieces = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"no")) });
        let body = Body::from_stream(pieces.chain(stream::pending()));
        (StatusCode::FORBIDDEN, body).into_response()
    }
    for (answer, len) in [(get(endless), 4096), (get(trickle), 2)] {
        let app = Router::new().route("/x/info", answer);
        let error = Client::over(app, "/x").connect().await.unwrap_err();
        let ConnectError::Info(TransportError::Refused { status, body }) = error else {
            panic!("{error}");
        };
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(body.len(), len);
    }
}
