use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sockjs_axum::{Cause, Session, SockJsLayer};
use sockjs_client::{Client, CloseReason, ConnectError, Transport};
use support::{Sessions, within};

use crate::answers::answering;
use crate::places::{Place, all_transports};

async fn go_away(session: Session) {
    for i in 0..3 {
        session.send(i.to_string()).await.ok();
    }
    session.close(3000, "Go away!");
}

#[tokio::test]
async fn the_servers_code_and_reason_arrive_after_the_messages() {
    let app = Router::new().layer(SockJsLayer::new("/close").on_session(go_away));
    for place in Place::all(app).await {
        for transport in all_transports() {
            let client = place.client("/close", transport);
            let mut client = client.connect().await.unwrap();
            for i in 0..3 {
                assert_eq!(client.recv().await.unwrap(), *i.to_string());
            }
            assert_eq!(within("the end", client.recv()).await, None);
            let reason = client.closed().await;
            assert_eq!(reason, CloseReason::new(3000, "Go away!"), "{transport}");
            assert!(client.send("late").await.is_err());
            assert_eq!(client.close().await, reason);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn close_sends_what_is_queued_before_it() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let app = Router::new().layer(layer);
    for transport in all_transports() {
        let client = Client::over(app.clone(), "/echo").transport(transport);
        let client = client.connect().await.unwrap();
        for i in 0..100 {
            client.send(i.to_string()).await.unwrap();
        }
        assert_eq!(client.close().await, CloseReason::NORMAL);
        let mut session = sessions.next().await;
        for i in 0..100 {
            assert_eq!(session.recv().await.unwrap(), *i.to_string(), "{transport}");
        }
        assert_eq!(session.recv().await, None);
        let cause = match transport.is_websocket() {
            true => Cause::ClosedByClient,
            false => Cause::ReceiverLost,
        };
        assert_eq!(session.closed().await.cause(), cause, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn close_gives_up_a_server_that_takes_nothing() {
    // The session is held, but never received from.
    let (layer, _sessions) = Sessions::capture(SockJsLayer::new("/echo").receive_buffer(1));
    let app = Router::new().layer(layer);
    let client = Client::over(app, "/echo").transport(Transport::Xhr);
    let client = client
        .heartbeat_timeout(Duration::ZERO)
        .connect()
        .await
        .unwrap();
    for _ in 0..10 {
        client.send("x".repeat(65_536)).await.unwrap();
    }
    let start = tokio::time::Instant::now();
    assert_eq!(client.close().await.code(), 1006);
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_closes_with_1011() {
    async fn panics(mut session: Session) {
        session.recv().await;
        panic!("as planned");
    }
    let app = Router::new().layer(SockJsLayer::new("/panic").on_session(panics));
    for transport in all_transports() {
        let client = Client::over(app.clone(), "/panic").transport(transport);
        let client = client.connect().await.unwrap();
        client.send("now").await.unwrap();
        assert_eq!(client.closed().await.code(), 1011, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_seen_and_afterwards_nobody_is_let_in() {
    let layer = SockJsLayer::echo("/echo");
    let handle = layer.handle();
    let app = Router::new().layer(layer);
    let mut clients = Vec::new();
    for transport in Client::TRANSPORTS {
        let client = Client::over(app.clone(), "/echo").transport(transport);
        clients.push(client.connect().await.unwrap());
    }
    let closed = async {
        for client in &clients {
            let expected = CloseReason::new(1001, "Going away");
            assert_eq!(client.closed().await, expected, "{}", client.transport());
        }
    };
    tokio::join!(closed, handle.shutdown(Duration::from_secs(1)));
    for transport in Client::TRANSPORTS {
        let client = Client::over(app.clone(), "/echo").transport(transport);
        let error = client.connect().await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_closes_with_1006() {
    async fn broken() -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
    let app = Router::new().layer(SockJsLayer::echo("/echo"));
    let app = answering(app, "/xhr_send", broken);
    for transport in [
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::Xhr,
    ] {
        let client = Client::over(app.clone(), "/echo").transport(transport);
        let mut client = client.connect().await.unwrap();
        client.send("hello").await.unwrap();
        assert_eq!(client.recv().await, None);
        let expected = CloseReason::new(1006, "the server answered 500 Internal Server Error");
        assert_eq!(client.closed().await, expected, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_says_more_than_the_refusal_of_a_message() {
    async fn closes_at_a_message(mut session: Session) {
        session.recv().await;
        session.close(4000, "enough");
    }
    let app = Router::new().layer(SockJsLayer::new("/close").on_session(closes_at_a_message));
    for transport in Client::TRANSPORTS {
        let client = Client::over(app.clone(), "/close").transport(transport);
        let client = client.connect().await.unwrap();
        while client.send("x").await.is_ok() {}
        assert_eq!(
            client.closed().await,
            CloseReason::new(4000, "enough"),
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_closed_before_it_is_open_is_no_session() {
    // Over websocket, too, so that no other transport is tried.
    let app = Router::new()
        .route("/x/info", get("{}"))
        .route("/x/{server}/{session}/xhr", post("c[3000,\"Go away!\"]\n"));
    let client = Client::over(app, "/x").transports([Transport::Xhr, Transport::XhrStreaming]);
    let error = client.connect().await.unwrap_err();
    let ConnectError::Closed(reason) = error else {
        panic!("{error}");
    };
    assert_eq!(reason, CloseReason::new(3000, "Go away!"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_but_not_one_with_heartbeats() {
    async fn waits(session: Session) {
        session.closed().await;
    }
    let layer = |delay| {
        let layer = SockJsLayer::new("/wait").on_session(waits);
        Router::new().layer(layer.heartbeat_delay(Duration::from_secs(delay)))
    };
    for transport in Client::TRANSPORTS {
        let start = tokio::time::Instant::now();
        let client = Client::over(layer(0), "/wait").transport(transport);
        let client = client.connect().await.unwrap();
        assert_eq!(client.closed().await, CloseReason::new(1006, "timed out"));
        assert_eq!(start.elapsed().as_secs(), 120, "{transport}");

        let client = Client::over(layer(25), "/wait").transport(transport);
        let client = client.connect().await.unwrap();
        let hour = Duration::from_secs(3600);
        let closed = tokio::time::timeout(hour, client.closed()).await;
        assert!(closed.is_err(), "{transport}: {closed:?}");

        let client = Client::over(layer(0), "/wait").transport(transport);
        let client = client
            .heartbeat_timeout(Duration::ZERO)
            .connect()
            .await
            .unwrap();
        let closed = tokio::time::timeout(hour, client.closed()).await;
        assert!(closed.is_err(), "{transport}: {closed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_may_come_a_moment_after_the_refusal() {
    let polls = Arc::new(AtomicUsize::new(0));
    let poll = move || {
        let is_first = polls.fetch_add(1, Relaxed) == 0;
        async move {
            if is_first {
                return "o\n";
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            "c[4000,\"enough\"]\n"
        }
    };
    let app = Router::new()
        .route("/x/info", get("{}"))
        .route("/x/{server}/{session}/xhr", post(poll))
        .route(
            "/x/{server}/{session}/xhr_send",
            post(StatusCode::NOT_FOUND),
        );
    let client = Client::over(app, "/x").transport(Transport::Xhr);
    let client = client.connect().await.unwrap();
    client.send("x").await.unwrap();
    assert_eq!(client.closed().await, CloseReason::new(4000, "enough"));
}
