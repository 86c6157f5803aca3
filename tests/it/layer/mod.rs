//! How the layer meets routers, other services and servers.

mod merge;
mod nest;
mod readme;
mod router;
mod service;
mod sharing;

use sockjs_axum::SockJsLayer;
use support::{Server, unique_path};

/// A layer whose sessions echo.
fn echo(prefix: &str) -> SockJsLayer {
    SockJsLayer::new(prefix)
}

/// Answers as a route of the application does.
pub(crate) async fn hello() -> &'static str {
    "hello"
}

/// Asserts that a whole mount answers at `prefix`, sessions and WebSockets included.
pub(crate) async fn assert_mounted(server: &Server, prefix: &str) {
    for (path, greeting) in [("", "Welcome to SockJS!\n"), ("/", "Welcome to SockJS!\n")] {
        assert_eq!(text(server, &format!("{prefix}{path}")).await, greeting);
    }
    let info = text(server, &format!("{prefix}/info")).await;
    assert!(info.contains(r#""websocket":true"#), "{prefix}: {info}");

    let peer = server.peer_at(unique_path(prefix));
    peer.open().await;
    peer.send(r#"["x"]"#).await;
    assert_eq!(peer.poll().await, "a[\"x\"]\n");

    let path = format!("{prefix}/000/abc/websocket");
    let mut socket = server.websocket(&path).open().await;
    socket.expect("o").await;
    socket.send_text(r#"["x"]"#).await;
    socket.expect(r#"a["x"]"#).await;
}

/// Asserts that nothing answers at `prefix`.
async fn assert_not_mounted(server: &Server, prefix: &str) {
    for path in ["", "/info"] {
        let response = server.get(&format!("{prefix}{path}")).send().await;
        assert_eq!(response.status, 404, "{prefix}{path}");
    }
    let peer = server.peer_at(unique_path(prefix));
    assert_eq!(peer.post("xhr").send().await.status, 404);
}

/// Returns the body of a `GET` request that succeeds.
pub(crate) async fn text(server: &Server, path: &str) -> String {
    let response = server.get(path).send().await;
    assert_eq!(response.status, 200, "{path}");
    response.text().await
}
