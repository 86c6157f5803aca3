//! What counts towards the limits, and what becomes of a session whose messages are refused.

use axum::Router;
use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Peer, Response, Server, ending, received, unique_path};
use tower_http::limit::RequestBodyLimitLayer;

const FORM: &str = "application/x-www-form-urlencoded";

async fn send_form(peer: &Peer, body: impl AsRef<[u8]>) -> Response<'static> {
    let request = peer.post("jsonp_send").header("Content-Type", FORM);
    request.body(body).send().await
}

/// Returns a form with one message of so many bytes, each of them escaped.
fn form(len: usize) -> String {
    format!("d=%5B%22{}%22%5D", "%41".repeat(len))
}

async fn open(limit: usize) -> (Server, Peer, Session) {
    let configure = |layer: SockJsLayer| layer.body_limit(limit);
    let (server, mut sessions) = Server::capture(configure).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    (server, peer, session)
}

/// P29: Large bodies.
#[tokio::test]
async fn a_form_counts_without_its_escapes() {
    let (_server, peer, mut session) = open(1004).await;
    for body in [form(1000), format!("x=1&{}&y=2", form(1000))] {
        assert_eq!(send_form(&peer, body).await.status, 200);
        assert_eq!(received(&mut session).await.len(), 1000);
    }
    // What `xhr_send` accepts, `jsonp_send` accepts as a form.
    let messages: Vec<String> = (0..184).map(|_| "€".repeat(1258)).collect();
    let payload = serde_json::to_string(&messages).unwrap();
    let escaped: String = payload.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert!(escaped.len() > 2_000_000);
    let (_server, peer, mut session) = open(2 * 1024 * 1024).await;
    let sending =
        tokio::spawn(async move { send_form(&peer, format!("d={escaped}")).await.status });
    for message in messages {
        assert_eq!(received(&mut session).await, message);
    }
    assert_eq!(sending.await.unwrap(), 200);
}

/// P65: Lost forms.
#[tokio::test]
async fn a_form_above_a_limit_ends_its_session_with_a_close_frame() {
    for body in [
        form(1001),
        // The field fits, but not what is around it.
        format!("x={}&{}", "x".repeat(5000), form(1)),
    ] {
        let (_server, peer, session) = open(1004).await;
        session.try_send("queued").unwrap();

        let response = send_form(&peer, body).await;

        assert_eq!(response.status, 413);
        assert_eq!(peer.poll().await, "a[\"queued\"]\n");
        assert_eq!(peer.poll().await, "c[1009,\"Message too long\"]\n");
        let ending = ending(&session).await;
        assert_eq!(ending.cause(), Cause::LimitExceeded);
        assert_eq!(ending.undelivered(), 0);
    }
}

/// P65: Lost forms.
#[tokio::test]
async fn a_message_above_the_limit_ends_the_session_of_a_form_alone() {
    let configure = |layer: SockJsLayer| layer.message_limit(10);
    let (server, mut sessions) = Server::capture(configure).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;

    let long = r#"["01234567890"]"#;
    assert_eq!(peer.send_status(long).await, 413);
    assert_eq!(peer.send_status(r#"["x"]"#).await, 204);
    assert_eq!(send_form(&peer, format!("d={long}")).await.status, 413);

    assert_eq!(peer.poll().await, "c[1009,\"Message too long\"]\n");
    assert_eq!(ending(&session).await.cause(), Cause::LimitExceeded);
}

/// P31: UTF-8.
#[tokio::test]
async fn invalid_utf8_counts_as_what_it_becomes() {
    let configure = |layer: SockJsLayer| layer.body_limit(1000).message_limit(usize::MAX);
    let (server, mut sessions) = Server::capture(configure).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let body = |count: usize| [b"[\"", &*vec![0xff; count], b"\"]"].concat();

    peer.send(body(332)).await;
    assert_eq!(received(&mut session).await, "\u{fffd}".repeat(332));
    assert_eq!(peer.send_status(body(333)).await, 413);
    assert_eq!(server.peer().send_status(body(333)).await, 413);
}

#[tokio::test]
async fn a_body_above_the_limit_of_another_layer_is_413() {
    let layer = SockJsLayer::echo("/echo");
    let router = Router::new()
        .layer(layer)
        .layer(RequestBodyLimitLayer::new(100));
    let server = Server::start(router).await;
    let peer = server.peer_at(unique_path("/echo"));
    peer.open().await;
    let long = format!("[\"{}\"]", "x".repeat(200));

    // With a length the other layer itself refuses it.
    for peer in [&peer, &server.peer()] {
        let response = peer.post("xhr_send").chunks([&long]).send().await;
        assert_eq!(response.status, 413);
        assert_eq!(response.text().await, "Request body too large.");
        let response = peer.post("xhr").chunks([&long]).send().await;
        assert_eq!(response.status, 413);
    }
}
