use sockjs_axum::SockJsLayer;
use support::{Peer, Request, Response, Server, assert_cached_for_a_year, assert_cors};

const ORIGINS: [Option<&str>; 5] = [
    None,
    Some("https://app.example"),
    Some("http://localhost:8080"),
    Some("null"),
    Some("test"),
];

fn with_origin(request: Request<'static>, origin: Option<&str>) -> Request<'static> {
    match origin {
        Some(origin) => request.header("Origin", origin),
        None => request,
    }
}

/// Requests to all URLs that a script of another origin reads, with successes and errors.
fn requests(server: &Server) -> Vec<(&'static str, u16, Request<'static>)> {
    let peer = || server.peer();
    vec![
        ("info", 200, server.get("/echo/info")),
        ("info by POST", 405, server.post("/echo/info")),
        ("xhr", 200, peer().post("xhr")),
        ("xhr by GET", 405, peer().get("xhr")),
        ("xhr_streaming", 200, peer().post("xhr_streaming")),
        ("xhr_streaming by GET", 405, peer().get("xhr_streaming")),
        ("eventsource", 200, peer().get("eventsource")),
        (
            "xhr_send without a session",
            404,
            peer().post("xhr_send").body("[]"),
        ),
        ("xhr_send without a body", 500, peer().post("xhr_send")),
        (
            "xhr_send of nonsense",
            500,
            peer().post("xhr_send").body("x"),
        ),
        (
            "xhr_send of too much",
            413,
            peer().post("xhr_send").body(" ".repeat(2000)),
        ),
        ("xhr_send by GET", 405, peer().get("xhr_send")),
    ]
}

/// P46: CORS.
#[tokio::test]
async fn every_origin_may_read_answers_and_errors() {
    let server = Server::echo(|layer| layer.body_limit(1000)).await;

    for origin in ORIGINS {
        for (name, status, request) in requests(&server) {
            let response = with_origin(request, origin).send().await;
            assert_eq!(response.status, status, "{name}");
            assert_cors(&response, origin);
        }
    }
}

#[tokio::test]
async fn the_answer_to_a_send_may_be_read() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    for origin in ORIGINS {
        let response = with_origin(peer.post("xhr_send").body("[]"), origin)
            .send()
            .await;
        assert_eq!(response.status, 204);
        assert_cors(&response, origin);
    }
}

/// P46: CORS.
#[tokio::test]
async fn requested_headers_are_allowed() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    let requests = || {
        [
            peer.request("OPTIONS", "xhr"),
            peer.request("OPTIONS", "xhr_streaming"),
            peer.request("OPTIONS", "xhr_send"),
            server.request("OPTIONS", "/echo/info"),
            server.get("/echo/info"),
            peer.post("xhr_send").body("x"),
        ]
    };

    for request in requests() {
        let response = request
            .header("Access-Control-Request-Headers", "a, b, c")
            .send()
            .await;
        assert_eq!(
            response.header("access-control-allow-headers"),
            Some("a, b, c")
        );
    }
    for request in requests() {
        let response = request
            .header("Access-Control-Request-Headers", "")
            .send()
            .await;
        assert_eq!(response.header("access-control-allow-headers"), None);
    }
    for request in requests() {
        assert_eq!(
            request.send().await.header("access-control-allow-headers"),
            None
        );
    }
}

/// P47: Preflights.
#[tokio::test]
async fn preflight_allows_options_and_post() {
    let (server, sessions) = Server::capture(|layer| layer).await;

    for endpoint in ["xhr", "xhr_streaming", "xhr_send", "xhr/", "xhr_send?t=1"] {
        for origin in ORIGINS {
            let request = with_origin(server.peer().request("OPTIONS", endpoint), origin);
            let response = request
                .header("Access-Control-Request-Method", "POST")
                .send()
                .await;

            assert_eq!(response.status, 204, "{endpoint}");
            assert_eq!(
                response.headers.list("access-control-allow-methods"),
                ["OPTIONS", "POST"]
            );
            assert_eq!(response.header("access-control-max-age"), Some("31536000"));
            assert_eq!(response.header("content-type"), None);
            assert_eq!(response.header("content-length"), None);
            assert_eq!(response.header("set-cookie"), None);
            assert_cached_for_a_year(&response);
            assert_cors(&response, origin);
            response.end().await;
        }
    }
    assert!(sessions.is_empty(), "a preflight opens no session");
}

/// P46: CORS.
#[tokio::test]
async fn bytes_that_are_not_visible_ascii_are_not_echoed() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    let values: [&[u8]; 4] = [b"http://caf\xe9", b"http://x\x80", b"http://a\tb", b"\xff"];

    for value in values {
        for (name, status, request) in requests(&server) {
            // Large bodies are not the subject here.
            if status == 413 {
                continue;
            }
            let response = request
                .header("Origin", value)
                .header("Access-Control-Request-Headers", value)
                .send()
                .await;
            assert_eq!(response.status, status, "{name}");
            assert_not_echoed(&response, name);
        }
        let response = peer
            .request("OPTIONS", "xhr")
            .header("Origin", value)
            .send()
            .await;
        assert_not_echoed(&response, "preflight");
    }
}

fn assert_not_echoed(response: &Response<'_>, name: &str) {
    let allowed = response.headers.all("access-control-allow-origin");
    assert!(
        allowed.iter().all(|allowed| *allowed == "*"),
        "{name}: {allowed:?}"
    );
    assert_eq!(
        response.header("access-control-allow-credentials"),
        None,
        "{name}"
    );
    assert_eq!(
        response.header("access-control-allow-headers"),
        None,
        "{name}"
    );
}

/// P46: CORS.
#[tokio::test]
async fn repeated_origin_headers_are_not_echoed() {
    let server = Server::echo(|layer| layer).await;

    let request = server
        .get("/echo/info")
        .header("Origin", "http://a")
        .header("Origin", "http://b");
    let response = request.send().await;

    assert_eq!(response.status, 200);
    assert_not_echoed(&response, "two origins");
}

/// P6: Disabled URLs.
#[tokio::test]
async fn disable_cors_removes_all_cors_headers() {
    let server = Server::echo(|layer| layer.disable_cors(true)).await;
    let peer = server.peer();
    peer.open().await;

    for (name, _, request) in requests(&server) {
        let request = request.header("Origin", "https://app.example");
        let response = request
            .header("Access-Control-Request-Headers", "a")
            .send()
            .await;
        assert_no_cors(&response, name);
    }
    let request = peer
        .post("xhr_send")
        .body("[]")
        .header("Origin", "https://app.example");
    assert_no_cors(&request.send().await, "xhr_send");
}

fn assert_no_cors(response: &Response<'_>, name: &str) {
    let names = response.headers.names();
    assert!(
        !names.iter().any(|name| name.starts_with("access-control-")),
        "{name}: {names:?}"
    );
}

#[tokio::test]
async fn preflights_for_a_private_network_are_answered_if_allowed() {
    for (allowed, asked, expected) in [
        (None, Some("true"), None),
        (Some(false), Some("true"), None),
        (Some(true), Some("true"), Some("true")),
        (Some(true), Some("false"), None),
        (Some(true), None, None),
    ] {
        let server = Server::echo(|layer| match allowed {
            Some(allowed) => layer.allow_private_network(allowed),
            None => layer,
        })
        .await;
        let peer = server.peer();
        for request in [
            server.request("OPTIONS", "/echo/info"),
            peer.request("OPTIONS", "xhr"),
            peer.request("OPTIONS", "xhr_streaming"),
            peer.request("OPTIONS", "xhr_send"),
        ] {
            let line = request.line();
            let mut request = request.header("Origin", "https://app.example");
            if let Some(asked) = asked {
                request = request.header("Access-Control-Request-Private-Network", asked);
            }
            let response = request.send().await;
            assert_eq!(response.status, 204, "{line}");
            let answer = response.header("access-control-allow-private-network");
            assert_eq!(answer, expected, "{line}, {allowed:?}, {asked:?}");
        }
    }
    // Other origins stay refused.
    let strict = |layer: SockJsLayer| {
        let layer = layer.allowed_origins(["https://app.example"]);
        layer.allow_private_network(true)
    };
    let server = Server::echo(strict).await;
    let request = server.request("OPTIONS", "/echo/info");
    let request = request.header("Origin", "https://evil.example");
    let request = request.header("Access-Control-Request-Private-Network", "true");
    let response = request.send().await;
    assert_eq!(response.status, 403);
    assert_no_cors(&response, "info");
}

#[tokio::test]
async fn a_script_of_another_origin_can_use_a_whole_session() {
    let server = Server::echo(|layer| layer).await;
    let peer: Peer = server.peer();
    let origin = Some("https://app.example");

    let response = with_origin(peer.post("xhr"), origin).send().await;
    assert_cors(&response, origin);
    assert_eq!(response.text().await, "o\n");
    with_origin(peer.post("xhr_send").body(r#"["x"]"#), origin)
        .send()
        .await
        .end()
        .await;
    let response = with_origin(peer.post("xhr"), origin).send().await;
    assert_cors(&response, origin);
    assert_eq!(response.text().await, "a[\"x\"]\n");
}
