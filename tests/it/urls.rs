use axum::Router;
use sockjs_axum::{SockJsLayer, Transport};
use support::{Server, Wire, unique_path};

/// P2: Unknown paths.
#[tokio::test]
async fn anything_unknown_under_the_prefix_is_404() {
    let (server, sessions) = Server::capture(|layer| layer).await;
    let mut connection = server.connect().await;
    let paths = [
        "//",
        "///",
        "/a",
        "/a/",
        "/a/a",
        "/a/a/",
        "/a/a//",
        "/a/b/c",
        "/a/b/c/",
        "/xhr",
        "/a/xhr",
        // A segment is not empty and holds no dot.
        "//a/xhr",
        "/a//xhr",
        "///xhr",
        "/a./a/xhr",
        "/a/a./xhr",
        "/.a/a/xhr",
        "/a/b.c/xhr",
        "/../a/xhr",
        "/a/../xhr",
        "/./a/xhr",
        "/a.b/c/xhr_send",
        "/a.b/c/jsonp?c=x",
        // One trailing slash, not two, and nothing after it.
        "/a/a/xhr//",
        "/a/a/xhr/x",
        "/a/a/a/xhr",
        "/info//",
        "/info/x",
        "/iframe.html//",
        // Exact matches only; what follows `;` or an encoded slash is part of the segment.
        "/a/a/XHR",
        "/a/a/xhrs",
        "/a/a/xh",
        "/a/a/xhr_",
        "/a/a/xhr_sen",
        "/a/a/xhr_sendx",
        "/a/a/xhr;x",
        "/a/a/jsonp;setup.bat",
        "/a/a/jsonp;x?c=x",
        "/a/a/jsonp/setup.bat",
        "/a/a/xhr%2f",
        "/a/a/%78hr",
        "/a%2fa/xhr",
        "/a/a/xhr.js",
        "/a/a/xhr%20",
        "/infos",
        "/inf",
        "/INFO",
        "/info.json",
        "/info;x",
        "/inf%6f",
        "/iframe",
        "/iframe.htm",
        "/iframe.xml",
        "/iframe.HTML",
        "/IFRAME",
        "/IFRAME.HTML",
        "/iframe-/.html",
        "/iframe-A.html",
        "/iframe-%61.html",
        "/iframe.html.",
        "/iframe-1.htmlx",
        "/iframe+1.html",
        "/iframe.html/x",
        "/websockets",
        "/Websocket",
    ];

    for path in paths {
        for method in ["GET", "POST", "OPTIONS", "HEAD", "PUT"] {
            let response = connection
                .request(method, &format!("/echo{path}"))
                .send()
                .await;
            assert_eq!(response.status, 404, "{method} {path}");
            assert_eq!(response.header("set-cookie"), None, "{method} {path}");
            let nosniff = response.header("x-content-type-options");
            assert_eq!(nosniff, Some("nosniff"), "{method} {path}");
            response.bytes().await;
        }
    }
    assert!(sessions.is_empty());
}

/// P4: Methods.
#[tokio::test]
async fn a_known_path_with_the_wrong_method_is_405() {
    let (server, sessions) = Server::capture(|layer| layer).await;
    let mut connection = server.connect().await;
    let session = unique_path("");
    let known: [(String, &[&str]); 12] = [
        ("".into(), &["GET", "HEAD"]),
        ("/".into(), &["GET", "HEAD"]),
        ("/info".into(), &["GET", "HEAD", "OPTIONS"]),
        ("/iframe.html".into(), &["GET", "HEAD"]),
        ("/iframe-1.html".into(), &["GET", "HEAD"]),
        (format!("{session}/xhr"), &["OPTIONS", "POST"]),
        (format!("{session}/xhr_streaming"), &["OPTIONS", "POST"]),
        (format!("{session}/xhr_send/"), &["OPTIONS", "POST"]),
        (format!("{session}/eventsource"), &["GET"]),
        (format!("{session}/htmlfile"), &["GET"]),
        (format!("{session}/jsonp?c=cb"), &["GET"]),
        (format!("{session}/jsonp_send"), &["POST"]),
    ];
    let methods = [
        "GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND",
    ];

    for (path, allowed) in known {
        for method in methods
            .into_iter()
            .filter(|method| !allowed.contains(method))
        {
            let response = connection
                .request(method, &format!("/echo{path}"))
                .send()
                .await;

            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.headers.list("allow"), allowed, "{method} {path}");
            assert_eq!(response.header("content-type"), None, "{method} {path}");
            let nosniff = response.header("x-content-type-options");
            assert_eq!(nosniff, Some("nosniff"), "{method} {path}");
            assert!(response.bytes().await.is_empty(), "{method} {path}");
        }
    }
    assert!(sessions.is_empty());
}

/// P2: Unknown paths.
#[tokio::test]
async fn one_trailing_slash_is_tolerated() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;

    for wire in Wire::ALL {
        let peer = server.peer();
        let (endpoint, query) = wire
            .endpoint()
            .split_once('?')
            .unwrap_or((wire.endpoint(), ""));
        let response = peer
            .request(wire.method(), &format!("{endpoint}/?{query}"))
            .send()
            .await;
        assert_eq!(response.status, 200, "{wire:?}");
        assert!(
            response.text().await.ends_with(&wire.frame("o")),
            "{wire:?}"
        );

        assert_eq!(
            peer.post("xhr_send/").body(r#"["x"]"#).send().await.status,
            204
        );
        assert_eq!(
            peer.post("jsonp_send/")
                .body(r#"["y"]"#)
                .send()
                .await
                .status,
            200
        );
        assert_eq!(peer.receiver(wire).messages(2).await, ["x", "y"]);
    }
}

/// P3: Query.
#[tokio::test]
async fn the_query_never_changes_the_endpoint() {
    let server = Server::echo(|layer| layer).await;
    for query in [
        "?",
        "?t=1427",
        "?/jsonp",
        "?c=cb",
        "?a=/000/abc/eventsource",
        "??",
        "?%00",
    ] {
        let peer = server.peer();
        let response = peer.post(&format!("xhr{query}")).send().await;
        assert_eq!(response.text().await, "o\n", "{query}");
        let response = peer
            .post(&format!("xhr_send{query}"))
            .body(r#"["x"]"#)
            .send()
            .await;
        assert_eq!(response.status, 204, "{query}");
        assert_eq!(peer.poll().await, "a[\"x\"]\n", "{query}");
    }
}

/// P1: Ids.
#[tokio::test]
async fn the_server_segment_is_ignored() {
    let server = Server::echo(|layer| layer).await;
    let session = unique_path("").replace("/000/", "");

    let one = server.peer_at(format!("/echo/000/{session}"));
    let other = server.peer_at(format!("/echo/999/{session}"));
    let third = server.peer_at(format!("/echo/a%20;b/{session}"));

    one.open().await;
    other.send(r#"["x"]"#).await;
    assert_eq!(third.poll().await, "a[\"x\"]\n");
}

/// P1: Ids.
#[tokio::test]
async fn session_ids_are_opaque() {
    let server = Server::echo(|layer| layer).await;
    let ids = [
        "abc", "ABC", "%61bc", "%61BC", "abc%20", "abc;", "abc;x=1", "abc,", "a:b", "a@b", "a~b",
        "a%2Fb", "a%2fb", "a%2Eb", "a%00b", "%", "%zz", "*", "(a)", "a'b", "a=b", "a&b", "a+b",
        "$", "!",
    ];

    for id in ids {
        let peer = server.peer_at(format!("/echo/000/{id}"));
        assert_eq!(peer.poll().await, "o\n", "{id} is a session of its own");
    }
    for id in ids {
        let peer = server.peer_at(format!("/echo/000/{id}"));
        peer.send(format!("[\"{id}\"]")).await;
        assert_eq!(peer.poll().await, format!("a[\"{id}\"]\n"));
    }
}

/// P1: Ids.
/// Limit: session id and server id in a URL
#[tokio::test]
async fn an_overlong_session_id_is_404() {
    let server = Server::echo(|layer| layer).await;
    let longest = server.peer_at(format!("/echo/000/{}", "x".repeat(128)));
    let longer = server.peer_at(format!("/echo/000/{}", "x".repeat(129)));

    assert_eq!(longest.poll().await, "o\n");
    for wire in Wire::ALL {
        assert_eq!(longer.receive(wire).send().await.status, 404, "{wire:?}");
    }
    assert_eq!(longer.send_status(r#"["x"]"#).await, 404);
}

/// P6: Disabled URLs.
#[tokio::test]
async fn a_transport_that_is_not_offered_is_404() {
    let server = Server::echo(|layer| layer.transports([Transport::Xhr])).await;
    let peer = server.peer();

    for wire in Wire::ALL.into_iter().filter(|wire| *wire != Wire::Xhr) {
        for method in ["GET", "POST", "OPTIONS"] {
            let response = peer.request(method, wire.endpoint()).send().await;
            assert_eq!(response.status, 404, "{method} {wire:?}");
        }
    }
    assert_eq!(server.get("/echo/websocket").send().await.status, 404);
    assert_eq!(peer.get("websocket").send().await.status, 404);
    peer.open().await;
    peer.send(r#"["x"]"#).await;
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}

/// P5: Prefix.
#[tokio::test]
async fn a_path_that_only_begins_like_the_prefix_belongs_to_the_inner_service() {
    let inner = Router::new().fallback(|| async { "inner" });
    let server = Server::start(inner.layer(SockJsLayer::new("/echo"))).await;

    for path in [
        "/echoes",
        "/echoes/000/abc/xhr",
        "/ech",
        "/",
        "/ECHO",
        "/x/echo",
        "/echo.html",
    ] {
        assert_eq!(
            server.get(path).send().await.text().await,
            "inner",
            "{path}"
        );
    }
    assert_eq!(
        server.get("/echo").send().await.text().await,
        "Welcome to SockJS!\n"
    );
}

#[tokio::test]
async fn an_upgrade_to_an_http_transport_is_an_ordinary_request() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;

    for wire in Wire::ALL {
        let peer = server.peer();
        let request = peer.receive(wire).header("Connection", "Upgrade");
        let request = request
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13");
        let response = request
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send()
            .await;
        assert_eq!(response.status, 200, "{wire:?}");
        assert!(
            response.text().await.ends_with(&wire.frame("o")),
            "{wire:?}"
        );
    }
}
