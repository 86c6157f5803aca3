//! A layer on a router with routes of its own.

use axum::{
    Router,
    extract::State,
    routing::{any, get},
};
use support::{Server, Wire};

use super::{assert_mounted, assert_not_mounted, echo, hello, text};

#[tokio::test]
async fn an_empty_router_is_enough() {
    let server = Server::start(Router::new().layer(echo("/echo"))).await;

    assert_mounted(&server, "/echo").await;
    assert_not_mounted(&server, "/other").await;
    assert_eq!(server.get("/").send().await.status, 404);
}

#[tokio::test]
async fn routes_before_and_after_the_layer_answer_as_ever() {
    let router = Router::new()
        .route("/", get(hello))
        .route("/before/{id}", get(hello).post(hello))
        .layer(echo("/echo"))
        .route("/after", get(hello));
    let server = Server::start(router).await;

    assert_mounted(&server, "/echo").await;
    for path in ["/", "/before/1", "/after", "/after?x=/echo/info"] {
        assert_eq!(text(&server, path).await, "hello");
    }
    assert_eq!(server.post("/before/1").send().await.status, 200);
    let wrong_method = server.post("/after").send().await;
    assert_eq!(wrong_method.status, 405);
    assert_eq!(wrong_method.headers.list("allow"), ["GET", "HEAD"]);
    assert_eq!(server.get("/nothing").send().await.status, 404);
}

#[tokio::test]
async fn a_router_whose_state_is_still_missing_may_have_the_layer() {
    let router: Router<&'static str> = Router::new()
        .route(
            "/state",
            get(async |State(state): State<&'static str>| state),
        )
        .layer(echo("/echo"));
    let server = Server::start(router.with_state("given")).await;

    assert_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/state").await, "given");
}

#[tokio::test]
async fn one_route_may_have_the_layer() {
    let router = Router::new()
        .route("/echo", any(hello).layer(echo("/echo")))
        .route("/page/{*rest}", any(hello).layer(echo("/page/echo")));
    let server = Server::start(router).await;

    assert_mounted(&server, "/page/echo").await;
    assert_eq!(text(&server, "/page/other").await, "hello");
    assert_eq!(text(&server, "/echo").await, "Welcome to SockJS!\n");
    assert_eq!(server.get("/echo/info").send().await.status, 404);
}

#[tokio::test]
async fn a_route_layer_is_around_nothing_but_routes() {
    let router = Router::new().route("/page", get(hello));
    let server = Server::start(router.route_layer(echo("/echo"))).await;

    assert_not_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/page").await, "hello");
}

#[tokio::test]
async fn several_layers_answer_at_their_prefixes() {
    let router = Router::new()
        .layer(echo("/one"))
        .route("/between", get(hello))
        .layer(echo("/two"))
        .layer(echo("/three/deeper"))
        .layer(echo("/one/inside"));
    let server = Server::start(router).await;

    // If two layers match, the outer one answers.
    for prefix in ["/one", "/two", "/three/deeper", "/one/inside"] {
        assert_mounted(&server, prefix).await;
    }
    assert_not_mounted(&server, "/three").await;
    assert_eq!(text(&server, "/between").await, "hello");
}

#[tokio::test]
async fn a_path_that_only_begins_like_the_prefix_belongs_to_the_inner_service() {
    let paths = ["/echoes", "/echoes/info", "/echo-2/info", "/ech", "/ECHO"];
    let mut router = Router::new();
    for path in paths {
        router = router.route(path, get(hello));
    }
    let server = Server::start(router.layer(echo("/echo"))).await;

    for path in paths {
        assert_eq!(text(&server, path).await, "hello");
    }
    for path in [
        "/echo%2Finfo",
        "//echo/info",
        "/x/echo/info",
        "/%65cho/info",
    ] {
        assert_eq!(server.get(path).send().await.status, 404, "{path}");
    }
    assert_mounted(&server, "/echo").await;
}

#[tokio::test]
async fn all_paths_under_the_prefix_belong_to_the_layer() {
    let router = Router::new()
        .route("/echo/info", get(hello))
        .route("/echo/page", get(hello))
        .route("/{*everything}", get(hello));
    let server = Server::start(router.layer(echo("/echo"))).await;

    assert_mounted(&server, "/echo").await;
    assert_eq!(server.get("/echo/page").send().await.status, 404);
    assert_eq!(text(&server, "/other/page").await, "hello");
}

#[tokio::test]
async fn a_query_string_never_changes_the_route() {
    let router = Router::new().route("/", get(hello)).layer(echo("/echo"));
    let server = Server::start(router).await;

    assert_eq!(text(&server, "/?/echo/info").await, "hello");
    assert_eq!(text(&server, "/echo?").await, "Welcome to SockJS!\n");
    assert_eq!(text(&server, "/echo/?/info").await, "Welcome to SockJS!\n");
    let info = text(&server, "/echo/info?t=1&c=/000/abc/xhr").await;
    assert!(info.contains("entropy"), "{info}");
    let peer = server.peer_at("/echo/000/abc");
    let response = peer.post("xhr?t=1/xhr_streaming").send().await;
    assert_eq!(response.text().await, "o\n");
    assert_eq!(server.get("/echoes?/echo/info").send().await.status, 404);
}

#[tokio::test]
async fn slashes_at_the_ends_of_a_prefix_do_not_matter() {
    for prefix in ["/echo", "echo", "/echo/", "echo/"] {
        let server = Server::start(Router::new().layer(echo(prefix))).await;
        assert_mounted(&server, "/echo").await;
        assert_not_mounted(&server, "/other").await;
    }
}

#[tokio::test]
async fn an_empty_prefix_takes_everything() {
    for prefix in ["", "/"] {
        let router = Router::new().route("/page", get(hello)).layer(echo(prefix));
        let server = Server::start(router).await;
        let peer = server.peer_at("/000/abc");
        peer.open().await;
        assert_eq!(text(&server, "/").await, "Welcome to SockJS!\n");
        assert_eq!(server.get("/page").send().await.status, 404);
    }
}

/// CVE-2020-7693 was a server that crashed here.
#[tokio::test]
async fn an_upgrade_request_to_another_url_gets_the_answer_of_that_url() {
    let router = Router::new()
        .route("/page", get(hello))
        .layer(echo("/echo"));
    let server = Server::start(router).await;
    let peer = server.peer_at("/echo/000/abc");
    peer.open().await;
    let answers = [
        ("GET", "/page", 200, "hello"),
        ("GET", "/echo", 200, "Welcome to SockJS!\n"),
        ("GET", "/echo/", 200, "Welcome to SockJS!\n"),
        ("GET", "/echo/nothing", 404, ""),
        ("GET", "/echo/000/abc", 404, ""),
        ("GET", "/nothing", 404, ""),
        ("GET", "/echo/000/abc/xhr", 405, ""),
        ("GET", "/echo/000/abc/xhr_streaming", 405, ""),
        ("GET", "/echo/000/abc/xhr_send", 405, ""),
        ("GET", "/echo/000/abc/jsonp_send", 405, ""),
        ("POST", "/echo/000/abc/xhr_send", 500, "Payload expected."),
        (
            "GET",
            "/echo/000/other/jsonp?c=cb",
            200,
            "/**/cb(\"o\");\r\n",
        ),
        ("POST", "/echo/000/another/xhr", 200, "o\n"),
    ];

    for (method, path, status, body) in answers {
        let upgrade = server.websocket(path).method(method).request();
        let response = upgrade.send().await;
        assert_eq!(response.status, status, "{method} {path}");
        assert_eq!(response.text().await, body, "{method} {path}");
    }
    for path in ["/echo/info", "/echo/iframe.html"] {
        let response = server.websocket(path).request().send().await;
        assert_eq!(response.status, 200, "{path}");
    }
    for wire in [Wire::EventSource, Wire::HtmlFile] {
        let path = format!("/echo/000/{wire:?}/{}", wire.endpoint());
        let upgrade = server.websocket(&path).request();
        let mut response = upgrade.send().await;
        wire.expect_prelude(&mut response).await;
        assert_eq!(wire.next_frame(&mut response).await, "o");
    }
    peer.send(r#"["still here"]"#).await;
    assert_eq!(peer.poll().await, "a[\"still here\"]\n");
}
