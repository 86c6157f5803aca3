//! Mounts that only pages of the same origin use.

use sockjs_axum::SockJsLayer;
use support::{Opening, Server, Wire, unique_path};

use super::{APP, EVIL, guarded};

async fn attached(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, support::Peer, support::Receiver) {
    let server = Server::echo(|layer| configure(layer.disable_cors(true))).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(Wire::XhrStreaming);
    receiver.expect("o").await;
    (server, peer, receiver)
}

#[tokio::test]
async fn other_origins_get_no_cors_headers_and_are_not_refused() {
    let (server, peer, _receiver) = attached(|layer| layer).await;

    for guarded in guarded(&server, &peer) {
        let line = guarded.request.line();
        let request = guarded.request.header("Origin", EVIL);
        let request = request.header("Access-Control-Request-Headers", "x");
        let response = request.send().await;

        let expected = if line.starts_with("OPTIONS") {
            405
        } else {
            guarded.status
        };
        assert_eq!(response.status, expected, "{line}");
        let names = response.headers.names();
        let cors = names
            .iter()
            .find(|name| name.starts_with("access-control-"));
        assert_eq!(cors, None, "{line}");
    }
}

/// P6: Disabled URLs.
#[tokio::test]
async fn there_is_no_preflight() {
    let (server, peer, _receiver) = attached(|layer| layer).await;

    for (allow, request) in [
        ("GET, HEAD", server.request("OPTIONS", "/echo/info")),
        ("POST", peer.request("OPTIONS", "xhr")),
        ("POST", peer.request("OPTIONS", "xhr_streaming")),
        ("POST", peer.request("OPTIONS", "xhr_send")),
    ] {
        let line = request.line();
        let response = request.header("Origin", APP).send().await;
        assert_eq!(response.status, 405, "{line}");
        assert_eq!(response.header("allow"), Some(allow), "{line}");
        assert_eq!(response.header("content-type"), None, "{line}");
        assert_eq!(response.text().await, "", "{line}");
    }
}

/// P6: Disabled URLs.
#[tokio::test]
async fn there_is_no_iframe_page() {
    let (server, ..) = attached(|layer| layer).await;

    for path in ["/echo/iframe.html", "/echo/iframe-1.6.1.html"] {
        for method in ["GET", "HEAD", "POST"] {
            let response = server.request(method, path).send().await;
            assert_eq!(response.status, 404, "{method} {path}");
            assert_eq!(response.header("etag"), None, "{method} {path}");
        }
    }
    assert_eq!(server.get("/echo").send().await.status, 200);
}

#[tokio::test]
async fn disable_cors_can_be_turned_off_again() {
    let server = Server::echo(|layer| layer.disable_cors(true).disable_cors(false)).await;

    assert_eq!(server.get("/echo/iframe.html").send().await.status, 200);
    let preflight = server.request("OPTIONS", "/echo/info").send().await;
    assert_eq!(preflight.status, 204);
}

#[tokio::test]
async fn disable_cors_works_together_with_allowed_origins() {
    let (server, ..) = attached(|layer| layer.allowed_origins([APP])).await;

    for opening in Opening::ALL {
        let path = opening.path(&unique_path("/echo"));
        let request = || opening.request(&server, &path);
        let refused = request().header("Origin", EVIL).send().await;
        assert_eq!(refused.status, 403, "{opening:?}");
        let allowed = request().header("Origin", APP).send().await;
        assert_eq!(allowed.status, opening.status(), "{opening:?}");
        let origin = allowed.header("access-control-allow-origin");
        assert_eq!(origin, None, "{opening:?}");
    }
}
