//! SockJS has CORS headers of its own, which allow every origin with credentials, as the client
//! requires.

use http::HeaderValue;
use support::{Response, Server, assert_cors};
use tower_http::cors::CorsLayer;

use super::{assert_untroubled, echo, routes};

const ORIGIN: &str = "https://example.com";

/// Sends a request as a page of another origin does.
async fn get(server: &Server, path: &str) -> Response<'static> {
    server.get(path).header("Origin", ORIGIN).send().await
}

async fn preflight(server: &Server, path: &str) -> Response<'static> {
    let request = server.request("OPTIONS", path).header("Origin", ORIGIN);
    let request = request.header("Access-Control-Request-Method", "POST");
    request.send().await
}

#[tokio::test]
async fn a_cors_layer_may_be_above_or_below() {
    assert_untroubled(routes().layer(echo()).layer(CorsLayer::permissive())).await;
    assert_untroubled(routes().layer(CorsLayer::permissive()).layer(echo())).await;
}

#[tokio::test]
async fn a_cors_layer_below_applies_to_other_routes_only() {
    let router = routes().layer(CorsLayer::permissive()).layer(echo());
    let server = Server::start(router).await;

    let page = get(&server, "/page").await;
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    let info = get(&server, "/echo/info").await;
    assert_cors(&info, Some(ORIGIN));
    let preflight = preflight(&server, "/echo/000/abc/xhr").await;
    assert_eq!(preflight.status, 204);
    assert_cors(&preflight, Some(ORIGIN));
    let methods = preflight.header("access-control-allow-methods");
    assert_eq!(methods, Some("OPTIONS, POST"));
}

/// No header is repeated. But browsers do not accept `*` together with credentials, so that a page
/// of another origin cannot read the answer to the JavaScript client's requests.
#[tokio::test]
async fn a_permissive_cors_layer_above_replaces_the_origin() {
    let router = routes().layer(echo()).layer(CorsLayer::permissive());
    let server = Server::start(router).await;

    for path in ["/echo/info", "/echo/000/abc/eventsource"] {
        let response = get(&server, path).await;
        let origin = response.header("access-control-allow-origin");
        assert_eq!(origin, Some("*"), "{path}");
        let credentials = response.header("access-control-allow-credentials");
        assert_eq!(credentials, Some("true"), "{path}");
        assert!(response.headers.all("vary").contains(&"Origin"));
    }
    let preflight = preflight(&server, "/echo/000/abc/xhr").await;
    assert_eq!(preflight.status, 200);
    let origin = preflight.header("access-control-allow-origin");
    assert_eq!(origin, Some("*"));
}

#[tokio::test]
async fn a_cors_layer_above_that_mirrors_origins_changes_nothing_for_clients() {
    let router = routes().layer(echo()).layer(CorsLayer::very_permissive());
    let server = Server::start(router).await;

    let info = get(&server, "/echo/info").await;
    let preflight = preflight(&server, "/echo/000/abc/xhr_send").await;

    for response in [info, preflight] {
        let origin = response.header("access-control-allow-origin");
        assert_eq!(origin, Some(ORIGIN));
        let credentials = response.header("access-control-allow-credentials");
        assert_eq!(credentials, Some("true"));
    }
}

#[tokio::test]
async fn a_cors_layer_above_sets_the_headers_when_ours_are_off() {
    let allowed = HeaderValue::from_static("https://app.example");
    let cors = CorsLayer::new().allow_origin(allowed);
    let cors = cors.allow_credentials(true);
    let router = routes().layer(echo().disable_cors(true)).layer(cors);
    let server = Server::start(router).await;

    let info = get(&server, "/echo/info").await;

    let origin = info.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://app.example"));
    let credentials = info.header("access-control-allow-credentials");
    assert_eq!(credentials, Some("true"));
}
