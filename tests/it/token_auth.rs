//! Authorisation by a token in the first message, as `docs/security.md` shows it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{Router, extract::State};
use sockjs_axum::{Session, SockJsLayer};
use support::{Direct, Server, Wire, timed};
use tokio::time::timeout;

/// The user of each token. Your site gives a page its token after it has authenticated the user.
type Tokens = Arc<HashMap<String, String>>;

async fn private(State(tokens): State<Tokens>, mut session: Session) {
    let token = match timeout(Duration::from_secs(10), session.recv()).await {
        Ok(Some(token)) => token,
        // The client has closed.
        Ok(None) => return,
        Err(_) => return session.close(4401, "Log in first"),
    };
    let Some(user) = tokens.get(&*token) else {
        return session.close(4401, "Log in first");
    };
    // Up to here the server has sent nothing and done nothing for the client.
    while let Some(message) = session.recv().await {
        if session.send(format!("{user}: {message}")).await.is_err() {
            break;
        }
    }
}

fn layer() -> SockJsLayer {
    let tokens = HashMap::from([("s3cr3t".to_owned(), "ann".to_owned())]);
    SockJsLayer::new("/private")
        .on_session(private)
        .with_state(Tokens::new(tokens))
}

const REFUSED: &str = r#"c[4401,"Log in first"]"#;

#[tokio::test]
async fn a_client_with_a_token_is_served() {
    let server = Server::start(Router::new().layer(layer())).await;
    for wire in Wire::ALL {
        let peer = server.peer_at(support::unique_path("/private"));
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        peer.send(r#"["s3cr3t","hello"]"#).await;
        receiver.expect(r#"a["ann: hello"]"#).await;
    }

    let mut socket = server.websocket("/private/000/abc/websocket").open().await;
    socket.expect("o").await;
    socket.send_text(r#"["s3cr3t","hello"]"#).await;
    socket.expect(r#"a["ann: hello"]"#).await;

    let mut raw = server.websocket("/private/websocket").open().await;
    raw.send_text("s3cr3t").await;
    raw.send_text("hello").await;
    raw.expect("ann: hello").await;
}

#[tokio::test]
async fn a_client_without_a_token_is_closed_and_ignored() {
    let server = Server::start(Router::new().layer(layer())).await;
    for wire in Wire::ALL {
        let peer = server.peer_at(support::unique_path("/private"));
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        peer.send(r#"["guess","s3cr3t","hello"]"#).await;
        receiver.expect(REFUSED).await;
    }

    let mut socket = server.websocket("/private/000/abc/websocket").open().await;
    socket.expect("o").await;
    socket.send_text(r#"["guess","s3cr3t","hello"]"#).await;
    socket.expect(REFUSED).await;

    let mut raw = server.websocket("/private/websocket").open().await;
    raw.send_text("guess").await;
    raw.expect_close(4401, "Log in first").await;
}

#[tokio::test]
async fn a_cookie_does_not_count_as_a_token() {
    let server = Server::start(Router::new().layer(layer())).await;
    let peer = server.peer_at("/private/000/abc");
    // Like a request of the iframe page, embedded by any page.
    let iframe = |request: support::Request<'static>| {
        request
            .header("Origin", "http://localhost")
            .header("Cookie", "token=s3cr3t")
    };

    let open = iframe(peer.post("xhr")).send().await;
    assert_eq!(open.text().await, "o\n");
    let sent = iframe(peer.post("xhr_send")).body(r#"["hello"]"#).send();
    assert_eq!(sent.await.status, 204);
    let answer = iframe(peer.post("xhr")).send().await;
    assert_eq!(answer.text().await, format!("{REFUSED}\n"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed_after_ten_seconds() {
    let direct = Direct::new(layer());
    assert_eq!(direct.post("/private/000/abc/xhr").await, "o\n");
    let (waited, answer) = timed(direct.post("/private/000/abc/xhr")).await;
    assert_eq!(answer, format!("{REFUSED}\n"));
    assert_eq!(waited.as_secs(), 10);
}

#[test]
fn the_documentation_shows_this_very_code() {
    let code = include_str!("token_auth.rs");
    let start = code.find("/// The user of each token").expect("the code");
    let end = code.find("\nconst REFUSED").expect("the end of the code");
    let page = include_str!("../../docs/security.md");
    assert!(page.contains(code[start..end].trim_end()));
}
