//! Which requests are accepted at the guarded URLs, and how the others are refused.

use axum::http::HeaderValue;
use sockjs_axum::SockJsLayer;
use support::{
    Http2, Peer, Receiver, Response, Server, Sessions, Wire, assert_cors, assert_not_cached,
    received,
};

use super::{APP, EVIL, Fields, guarded, with};

/// A page of the server's own: the header `Host` of the tests' requests is `localhost`.
const OWN: &str = "http://localhost/page";

/// A name of the server that is that of an allowed origin.
const HOST: (&str, &str) = ("Host", "app.example");

/// Headers about the origin of a request, and whether the request is accepted if the allowed
/// origins are `https://app.example` and `https://other.example:8443`.
const EVIDENCE: [(bool, Fields<'static>); 47] = [
    // `Origin` is on every request with a body, of a WebSocket, or to be read by another origin.
    (true, &[("Origin", "https://app.example")]),
    (true, &[("Origin", "https://other.example:8443")]),
    (false, &[("Origin", EVIL)]),
    (false, &[("Origin", "http://app.example")]),
    (false, &[("Origin", "https://app.example:444")]),
    (false, &[("Origin", "https://app.example:443")]),
    (false, &[("Origin", "https://other.example")]),
    (false, &[("Origin", "https://app.example.evil.example")]),
    (false, &[("Origin", "https://evilapp.example")]),
    (
        false,
        &[("Origin", "https://evil.example?https://app.example")],
    ),
    (false, &[("Origin", "https://app.example/")]),
    (false, &[("Origin", "HTTPS://APP.EXAMPLE")]),
    (false, &[("Origin", "app.example")]),
    (false, &[("Origin", "*")]),
    (false, &[("Origin", "http://localhost")]),
    (false, &[("Origin", "")]),
    (false, &[("Origin", "null")]),
    (
        false,
        &[("Origin", "https://app.example, https://app.example")],
    ),
    (false, &[("Origin", APP), ("Origin", APP)]),
    (false, &[("Origin", APP), ("Origin", EVIL)]),
    (false, &[("Origin", EVIL), ("Origin", APP)]),
    (false, &[("Origin", "null"), ("Origin", APP)]),
    // `Origin` counts, whatever the other headers say.
    (
        false,
        &[("Origin", EVIL), ("Sec-Fetch-Site", "same-origin")],
    ),
    (
        false,
        &[("Origin", EVIL), ("Referer", "https://app.example/")],
    ),
    (false, &[("Origin", EVIL), ("Referer", OWN)]),
    (true, &[("Origin", APP), ("Sec-Fetch-Site", "cross-site")]),
    (
        true,
        &[("Origin", APP), ("Referer", "https://evil.example/")],
    ),
    // Without `Origin`, current browsers send `Sec-Fetch-Site`.
    (true, &[HOST, ("Sec-Fetch-Site", "same-origin")]),
    (true, &[HOST, ("Sec-Fetch-Site", "none")]),
    (false, &[("Sec-Fetch-Site", "same-origin")]),
    (false, &[("Sec-Fetch-Site", "none")]),
    (false, &[HOST, ("Sec-Fetch-Site", "cross-site")]),
    (false, &[HOST, ("Sec-Fetch-Site", "same-site")]),
    (false, &[("Sec-Fetch-Site", "cross-site")]),
    (false, &[("Sec-Fetch-Site", "same-site")]),
    (false, &[("Sec-Fetch-Site", "what-comes-next")]),
    (
        true,
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Referer", "https://app.example/page?x#y"),
        ],
    ),
    (
        false,
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Referer", "https://evil.example/"),
        ],
    ),
    (false, &[("Sec-Fetch-Site", "cross-site"), ("Referer", OWN)]),
    // Older browsers send `Referer`.
    (true, &[("Referer", "https://app.example/page?x")]),
    (false, &[("Referer", OWN)]),
    (false, &[HOST, ("Referer", OWN)]),
    (
        false,
        &[("Referer", "https://evil.example/https://app.example/")],
    ),
    (false, &[("Referer", "https://app.example@evil.example/")]),
    (false, &[("Referer", "http://localhost:1/page")]),
    (false, &[("Referer", "no URL")]),
    // A request without any of these headers is hardly a browser's.
    (true, &[HOST]),
];

/// Starts a server that lets in those pages, with a session that has a receiver attached.
async fn restricted() -> (Server, Sessions, Peer, Receiver) {
    open(|layer| layer.allowed_origins([APP, "https://other.example:8443"])).await
}

async fn open(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, Sessions, Peer, Receiver) {
    let (server, sessions) = Server::capture(configure).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(Wire::XhrStreaming);
    receiver.expect("o").await;
    (server, sessions, peer, receiver)
}

/// P62: Origins.
#[tokio::test]
async fn only_pages_of_allowed_origins_are_accepted() {
    let (server, _sessions, peer, _receiver) = restricted().await;

    for (allowed, fields) in EVIDENCE {
        for guarded in guarded(&server, &peer) {
            let case = format!("{}, {fields:?}", guarded.name);
            let response = with(guarded.request, fields).send().await;
            if allowed {
                assert_eq!(response.status, guarded.status, "{case}");
                if guarded.shared {
                    assert_cors(&response, origin(fields));
                } else {
                    assert_no_cors(&response, &case);
                }
            } else {
                assert_eq!(response.status, 403, "{case}");
                assert_no_cors(&response, &case);
            }
        }
    }
}

/// Returns the origin that a request names.
fn origin<'a>(fields: Fields<'a>) -> Option<&'a str> {
    let origin = fields.iter().find(|(name, _)| *name == "Origin");
    origin.map(|(_, value)| *value)
}

fn assert_no_cors(response: &Response<'_>, case: &str) {
    let names = response.headers.names();
    let cors = names
        .iter()
        .find(|name| name.starts_with("access-control-"));
    assert_eq!(cors, None, "{case}");
}

#[tokio::test]
async fn a_refusal_reveals_nothing_else() {
    let (server, _sessions, peer, _receiver) = restricted().await;

    for guarded in guarded(&server, &peer) {
        let is_preflight = guarded.status == 204 && guarded.name != "xhr_send";
        let line = guarded.request.line();
        let is_head = line.starts_with("HEAD");
        let response = guarded.request.header("Origin", EVIL).send().await;

        assert_eq!(response.status, 403, "{line}");
        let content_type = response.header("content-type");
        assert_eq!(content_type, Some("text/plain; charset=UTF-8"), "{line}");
        let nosniff = response.header("x-content-type-options");
        assert_eq!(nosniff, Some("nosniff"), "{line}");
        assert_eq!(response.header("upgrade"), None, "{line}");
        // The URL of a raw WebSocket is not a session URL, and answers to `OPTIONS` are not cached.
        if guarded.name != "RawWebSocket" && !line.starts_with("OPTIONS") && !is_preflight {
            assert_not_cached(&response);
        }
        let body = response.text().await;
        assert_eq!(
            body,
            if is_head { "" } else { "Origin not allowed." },
            "{line}"
        );
    }
}

#[tokio::test]
async fn wrong_requests_of_other_origins_get_403_too() {
    // Otherwise a page could find out what there is.
    let (server, _sessions, peer, _receiver) = restricted().await;
    let unknown = server.peer();

    for request in [
        unknown.post("xhr_send").body(r#"["x"]"#),
        peer.post("xhr_send").body("nonsense"),
        peer.get("xhr_send"),
        peer.post("jsonp?c=cb"),
        peer.get("jsonp"),
        peer.get("websocket"),
        server.post("/echo/info"),
    ] {
        let line = request.line();
        let response = request.header("Origin", EVIL).send().await;
        assert_eq!(response.status, 403, "{line}");
    }
}

#[tokio::test]
async fn sessions_do_not_notice_refused_requests() {
    let (server, mut sessions, peer, mut receiver) = restricted().await;
    let mut session = sessions.next().await;

    for guarded in guarded(&server, &peer) {
        let response = guarded.request.header("Origin", EVIL).send().await;
        assert_eq!(response.status, 403, "{}", guarded.name);
    }
    for endpoint in ["xhr_send", "jsonp_send"] {
        let evil = peer.post(endpoint).body(r#"["evil"]"#);
        assert_eq!(evil.header("Origin", EVIL).send().await.status, 403);
    }

    // Its receiver is still attached, no message arrived, and no other request took one.
    session.try_send("x").expect("the session is open");
    receiver.expect(r#"a["x"]"#).await;
    peer.send(r#"["fine"]"#).await;
    assert_eq!(received(&mut session).await, "fine");
    assert!(sessions.is_empty(), "no session was opened");
}

#[tokio::test]
async fn a_refused_request_opens_no_session() {
    let (server, mut sessions) = Server::capture(|layer| layer.allowed_origins([APP])).await;

    for wire in Wire::ALL {
        let peer = server.peer();
        let refused = peer.receive(wire).header("Origin", EVIL).send().await;
        assert_eq!(refused.status, 403, "{wire:?}");
        assert_eq!(peer.send_status(r#"["x"]"#).await, 404, "{wire:?}");
        assert!(sessions.is_empty(), "{wire:?}");

        let allowed = peer.receive(wire).header("Origin", APP);
        let mut response = allowed.send().await;
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;
        sessions.next().await;
    }
}

#[tokio::test]
async fn a_session_works_for_an_allowed_origin() {
    let server = Server::echo(|layer| layer.allowed_origins([APP])).await;

    let peer = server.peer();
    let poll = || peer.post("xhr").header("Origin", APP).send();
    assert_eq!(poll().await.text().await, "o\n");
    let sent = peer.post("xhr_send").header("Origin", APP).body(r#"["x"]"#);
    assert_eq!(sent.send().await.status, 204);
    assert_eq!(poll().await.text().await, "a[\"x\"]\n");

    let path = peer.path("websocket");
    let mut socket = server.websocket(&path).header("Origin", APP).open().await;
    socket.expect("o").await;
    socket.send_text(r#"["x"]"#).await;
    socket.expect(r#"a["x"]"#).await;
}

#[tokio::test]
async fn over_http2_the_servers_own_name_is_recognised() {
    // HTTP/2 has `:authority` instead of the header `Host`.
    let server = Server::echo(|layer| layer.allowed_origins([APP])).await;
    let client = Http2::connect(server.addr()).await;

    for (own, status) in [("app.example", 200), ("evil.example", 403)] {
        let request = http::Request::get(format!("https://{own}/echo/info"));
        let request = request.header("Sec-Fetch-Site", "same-origin").body(());
        let response = client.send(request.expect("a valid request")).await;
        assert_eq!(response.status(), status, "{own}");
    }
}

#[tokio::test]
async fn websockets_over_http2_are_guarded_as_well() {
    let server = Server::echo(|layer| layer.allowed_origins([APP])).await;
    let client = Http2::connect(server.addr()).await;

    for path in ["/echo/000/abc/websocket", "/echo/websocket"] {
        for (origin, status) in [(APP, 200), (EVIL, 403), ("null", 403)] {
            let mut request = Http2::connect_request("websocket", path);
            let origin = HeaderValue::from_static(origin);
            request.headers_mut().insert("origin", origin);
            let response = client.send(request).await;
            assert_eq!(response.status(), status, "{path}");
        }
    }
}

#[tokio::test]
async fn greeting_and_iframe_page_are_not_restricted() {
    let server = Server::echo(|layer| layer.allowed_origins([APP])).await;

    for (_, fields) in EVIDENCE {
        for path in [
            "/echo",
            "/echo/",
            "/echo/iframe.html",
            "/echo/iframe-1.6.1.html",
        ] {
            let response = with(server.get(path), fields).send().await;
            assert_eq!(response.status, 200, "{path}, {fields:?}");
            assert_no_cors(&response, path);
        }
        let nothing = with(server.get("/echo/nothing"), fields).send().await;
        assert_eq!(nothing.status, 404);
    }
}

#[tokio::test]
async fn other_mounts_and_routes_are_not_restricted() {
    let router = axum::Router::new()
        .route("/page", axum::routing::get(|| async { "page" }))
        .layer(SockJsLayer::new("/open"))
        .layer(SockJsLayer::new("/echo").allowed_origins([APP]));
    let server = Server::start(router).await;

    for (status, path) in [(403, "/echo/info"), (200, "/open/info"), (200, "/page")] {
        let response = server.get(path).header("Origin", EVIL).send().await;
        assert_eq!(response.status, status, "{path}");
    }
}

#[tokio::test]
async fn without_the_option_every_origin_is_accepted() {
    let unrestricted: [fn(SockJsLayer) -> SockJsLayer; 3] = [
        |layer| layer,
        |layer| layer.allowed_origins(sockjs_axum::AllowedOrigins::any()),
        // Requests outside the guarded URLs are not refused.
        |layer| layer.allow_null_origin(false),
    ];

    for configure in unrestricted {
        let (server, _sessions, peer, _receiver) = open(configure).await;
        for (_, fields) in EVIDENCE {
            for guarded in guarded(&server, &peer) {
                let case = format!("{}, {fields:?}", guarded.name);
                let response = with(guarded.request, fields).send().await;
                assert_eq!(response.status, guarded.status, "{case}");
                let origins = fields.iter().filter(|(name, _)| *name == "Origin");
                match (guarded.shared, origins.count()) {
                    (false, _) => assert_no_cors(&response, &case),
                    // An empty one is none.
                    (true, 0 | 1) if is_visible(origin(fields)) => {
                        assert_cors(
                            &response,
                            origin(fields).filter(|origin| !origin.is_empty()),
                        );
                    }
                    (true, _) => {
                        let origin = response.header("access-control-allow-origin");
                        assert_eq!(origin, None, "{case}");
                        let credentials = response.header("access-control-allow-credentials");
                        assert_eq!(credentials, None, "{case}");
                    }
                }
            }
        }
    }
}

/// Returns whether an origin may be echoed.
fn is_visible(origin: Option<&str>) -> bool {
    origin.is_none_or(|origin| origin.bytes().all(|byte| byte.is_ascii_graphic()))
}
