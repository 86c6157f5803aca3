//! Mistakes of other servers around headers and clients, by their numbers in the project's list.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo, routing::get};
use http_body_util::BodyExt as _;
use sockjs_axum::{AllowedOrigins, JSessionId, SockJsLayer};
use support::{Direct, Opening, Server, Wire, unique_path};
use tower_http::cors::CorsLayer;

/// 16. The whole `Cookie` header was echoed as `Set-Cookie`.
#[tokio::test]
async fn pitfall_16_no_other_cookie_comes_back() {
    let cookies = "login=s3cr3t; JSESSIONID=n1; theme=\"s3cr3t; JSESSIONID=n2\"";
    for (cookie, expected) in [
        (JSessionId::off(), None),
        (JSessionId::dummy(), Some("JSESSIONID=n1; path=/")),
        (JSessionId::custom(|_| None), None),
        (
            JSessionId::custom(|_| Some("n3".to_owned())),
            Some("JSESSIONID=n3; path=/"),
        ),
        // A function that returns the header as it came.
        (
            JSessionId::custom(|parts| {
                let cookie = parts.headers.get("cookie")?.to_str().ok()?;
                Some(cookie.to_owned())
            }),
            None,
        ),
    ] {
        let server = Server::echo(|layer| layer.jsessionid(cookie)).await;
        let mut requests = vec![
            (false, server.get("/echo")),
            (false, server.get("/echo/info")),
            (false, server.get("/echo/iframe.html")),
            (false, server.get("/echo/nothing")),
            (true, server.peer().post("xhr_send").body("[]")),
            (true, server.peer().post("jsonp_send").body("nonsense")),
            (true, server.peer().request("OPTIONS", "xhr")),
            (true, server.peer().get("xhr")),
            (true, server.peer().get("jsonp")),
            (true, server.peer().get("websocket")),
        ];
        for opening in Opening::ALL {
            let path = opening.path(&unique_path("/echo"));
            let has_session = opening != Opening::RawWebSocket;
            requests.push((has_session, opening.request(&server, &path)));
        }

        for (has_session, request) in requests {
            let line = request.line();
            let response = request.header("Cookie", cookies).send().await;
            let set = response.header("set-cookie");
            assert_eq!(set, expected.filter(|_| has_session), "{line}");
            assert!(
                !format!("{:?}", response.headers).contains("s3cr3t"),
                "{line}"
            );
        }
    }
}

/// 27. CORS headers were doubled or overwritten under the user's own `CorsLayer`. How the layers go
/// together is in `middleware::cors`; that a refused origin stays refused is here.
#[tokio::test]
async fn pitfall_27_a_cors_layer_neither_doubles_headers_nor_opens_what_is_shut() {
    let app = "https://app.example";
    let evil = "https://evil.example";
    let echo = || SockJsLayer::new("/echo").allowed_origins([app]);
    let routes = || Router::new().route("/page", get(|| async { "page" }));
    let routers = [
        routes().layer(echo()),
        routes().layer(CorsLayer::very_permissive()).layer(echo()),
        routes().layer(echo()).layer(CorsLayer::very_permissive()),
        routes()
            .layer(echo().disable_cors(true))
            .layer(CorsLayer::very_permissive()),
    ];

    for (number, router) in routers.into_iter().enumerate() {
        let server = Server::start(router).await;
        for opening in Opening::ALL {
            let path = opening.path(&unique_path("/echo"));
            let refused = opening.request(&server, &path).header("Origin", evil);
            assert_eq!(
                refused.send().await.status,
                403,
                "router {number}, {opening:?}"
            );
            let allowed = opening.request(&server, &path).header("Origin", app);
            let allowed = allowed.send().await;
            assert_eq!(
                allowed.status,
                opening.status(),
                "router {number}, {opening:?}"
            );
            // `header` does not take two of a name.
            for name in [
                "access-control-allow-origin",
                "access-control-allow-credentials",
            ] {
                allowed.header(name);
            }
            let origin = allowed.header("access-control-allow-origin");
            if opening.is_shared() {
                assert_eq!(origin, Some(app), "router {number}, {opening:?}");
            }
        }
    }
}

/// 29. A session was bound to its client's address and port.
#[tokio::test]
async fn pitfall_29_a_client_may_change_its_address() {
    let addresses = [
        "192.0.2.1:1000",
        "192.0.2.1:1001",
        "198.51.100.7:1",
        "[2001:db8::1]:1",
    ];
    let direct = Direct::new(SockJsLayer::new("/echo"));
    let call = async |addr: &str, endpoint: &str, body: &'static str| {
        let addr: SocketAddr = addr.parse().expect("an address");
        let mut request = http::Request::post(format!("/echo/000/abc/{endpoint}"));
        if addr.port() != 1 {
            // The session is not bound to a proxy's header, either.
            request = request.header("X-Forwarded-For", addr.ip().to_string());
        }
        let request = request.extension(ConnectInfo(addr)).body(Body::from(body));
        let response = direct.call(request.expect("a valid request")).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1000).await;
        (status, body.expect("a short body"))
    };

    let opened = call("203.0.113.1:1", "xhr", "").await;
    assert_eq!(opened, (200, "o\n".into()));
    for addr in addresses {
        assert_eq!(call(addr, "xhr_send", r#"["x"]"#).await.0, 204, "{addr}");
        let polled = call(addr, "xhr", "").await;
        assert_eq!(polled, (200, "a[\"x\"]\n".into()), "{addr}");
    }
}

/// 29. A session is bound to an address only if the application binds it.
#[tokio::test]
async fn pitfall_29_an_address_binds_only_where_it_is_chosen() {
    let layer = SockJsLayer::new("/echo").bind_session(|parts| {
        let addr = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        addr.map(|ConnectInfo(addr)| addr.ip())
    });
    let direct = Direct::new(layer);
    let status = async |addr: &str, endpoint: &str| {
        let addr: SocketAddr = addr.parse().expect("an address");
        let request = http::Request::post(format!("/echo/000/abc/{endpoint}"));
        let request = request.extension(ConnectInfo(addr)).body(Body::from("[]"));
        let response = direct.call(request.expect("a valid request")).await;
        let status = response.status().as_u16();
        // A poll whose answer is thrown away has lost its client.
        let answer = response.into_body().collect().await;
        answer.expect("a body does not fail");
        status
    };

    assert_eq!(status("192.0.2.1:1000", "xhr").await, 200);
    assert_eq!(status("192.0.2.1:2000", "xhr_send").await, 204);
    assert_eq!(status("192.0.2.2:1000", "xhr_send").await, 404);
    assert_eq!(status("192.0.2.2:1000", "xhr").await, 404);
    assert_eq!(status("192.0.2.1:3000", "xhr_send").await, 204);
}

/// 30. The iframe page loaded another version of the client than the page around it.
#[tokio::test]
async fn pitfall_30_the_iframe_page_has_the_client_that_is_configured_in_one_place() {
    let url = "https://app.example/js/sockjs-1.6.1.js?a=1&b=\"<>";
    let script = r#"<script src="https://app.example/js/sockjs-1.6.1.js?a=1&amp;b=&quot;&lt;&gt;"></script>"#;
    let server = Server::echo(|layer| layer.sockjs_url(url)).await;

    for version in ["", "-1.6.1", "-0.3.4", "1.5.2"] {
        // Nothing in the request says otherwise.
        let path = format!("/echo/iframe{version}.html?sockjs_url=https://evil.example/x.js");
        let page = server.get(&path).header("Referer", "https://evil.example/");
        let page = page.header("Origin", "https://evil.example").send().await;
        let page = page.text().await;
        assert!(page.contains(script), "{page}");
        assert_eq!(page.matches("<script src=").count(), 1, "{page}");
        assert!(!page.contains("evil.example"), "{page}");
    }
}

/// 30. Every way to mount the layer serves the same page.
#[tokio::test]
async fn pitfall_30_every_mount_has_its_page() {
    let url = "/sockjs.js";
    let layer = |prefix: &str| SockJsLayer::new(prefix).sockjs_url(url);
    let router = Router::new()
        .nest_service("/nested/echo", layer("/").into_service())
        .layer(layer("/echo"));
    let server = Server::start(router).await;

    for mount in ["/echo", "/nested/echo"] {
        let page = server
            .get(&format!("{mount}/iframe-1.6.1.html"))
            .send()
            .await;
        assert_eq!(page.status, 200, "{mount}");
        let page = page.text().await;
        assert!(page.contains(r#"<script src="/sockjs.js">"#), "{page}");
    }
}

/// 36. Headers of a request were echoed with any byte in them.
#[tokio::test]
async fn pitfall_36_only_plain_visible_text_is_echoed() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;
    let mut connection = server.connect().await;
    // Others do not get past the HTTP parser.
    let bytes = (0..=255_u8).filter(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..));

    for byte in bytes {
        let value = [b"https://a", &[byte][..], b"b"].concat();
        let cookie = [b"JSESSIONID=a", &[byte][..], b"b"].concat();
        let request = connection.post("/echo/000/abc/xhr_send").body("[]");
        let request = request.header("Origin", &value);
        let request = request.header("Access-Control-Request-Headers", &value);
        let response = request.header("Cookie", cookie).send().await;
        let char = char::from(byte);

        let echoed = byte.is_ascii_graphic().then(|| format!("https://a{char}b"));
        let origin = response.header("access-control-allow-origin");
        assert_eq!(origin, echoed.as_deref(), "{byte:#x}");
        let credentials = response.header("access-control-allow-credentials");
        assert_eq!(credentials, echoed.as_ref().map(|_| "true"), "{byte:#x}");
        // A list may have spaces in it.
        let listed = matches!(byte, 0x20..=0x7e).then(|| format!("https://a{char}b"));
        let headers = response.header("access-control-allow-headers");
        assert_eq!(headers, listed.as_deref(), "{byte:#x}");
        let cookie = match char {
            // The value ends there.
            ';' => "a".to_owned(),
            '"' | ',' | '\\' => "dummy".to_owned(),
            _ if byte.is_ascii_graphic() => format!("a{char}b"),
            _ => "dummy".to_owned(),
        };
        let cookie = format!("JSESSIONID={cookie}; path=/");
        assert_eq!(response.header("set-cookie"), Some(&*cookie), "{byte:#x}");
        response.bytes().await;
    }
}

/// 36. If there are several `Origin` headers, none counts.
#[tokio::test]
async fn pitfall_36_several_origins_are_none() {
    const APP: &str = "https://app.example";
    let lists: [fn() -> AllowedOrigins; 3] = [
        AllowedOrigins::any,
        || AllowedOrigins::from([APP]),
        || AllowedOrigins::predicate(|_, _| true),
    ];

    for (restricted, list) in [false, true, true].into_iter().zip(lists) {
        let server = Server::echo(|layer| layer.allowed_origins(list())).await;
        for others in [&[APP][..], &["https://evil.example"], &["null", APP]] {
            for wire in Wire::ALL {
                let mut request = server.peer().receive(wire).header("Origin", APP);
                for other in others {
                    request = request.header("Origin", other);
                }
                let response = request.send().await;
                let expected = if restricted { 403 } else { 200 };
                assert_eq!(response.status, expected, "{wire:?}, {others:?}");
                for name in [
                    "access-control-allow-origin",
                    "access-control-allow-credentials",
                ] {
                    assert_eq!(response.header(name), None, "{wire:?}, {others:?}");
                }
            }
        }
    }
}
