//! A layer on a router that is nested, and on one that gets a fallback.

use axum::{Router, routing::get};
use support::{Server, Sessions};

use super::{assert_mounted, assert_not_mounted, echo, hello, text};

#[tokio::test]
async fn a_nested_router_without_a_fallback_does_not_reach_its_layer() {
    let nested = Router::new()
        .route("/page", get(hello))
        .layer(echo("/echo"));
    let server = Server::start(Router::new().nest("/api", nested)).await;

    assert_not_mounted(&server, "/api/echo").await;
    assert_not_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/api/page").await, "hello");
}

#[tokio::test]
async fn a_nested_router_with_a_fallback_under_it_reaches_its_layer() {
    let nested = Router::new()
        .route("/page", get(hello))
        .fallback(hello)
        .layer(echo("/echo"));
    let server = Server::start(Router::new().nest("/api", nested)).await;

    assert_mounted(&server, "/api/echo").await;
    assert_not_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/api/anything").await, "hello");
}

#[tokio::test]
async fn a_session_in_a_nested_router_knows_the_whole_path() {
    let (layer, mut sessions) = Sessions::capture(echo("/echo"));
    let nested = Router::new().fallback(hello).layer(layer);
    let server = Server::start(Router::new().nest("/api/{tenant}", nested)).await;

    server.peer_at("/api/acme/echo/000/abc").open().await;
    let session = sessions.next().await;
    assert_eq!(session.prefix(), "/api/acme/echo");
    assert_eq!(session.path(), "/api/acme/echo/000/-/xhr");

    let path = "/api/beta/echo/000/abc/websocket";
    let _socket = server.websocket(path).open().await;
    let session = sessions.next().await;
    assert_eq!(session.prefix(), "/api/beta/echo");
    assert_eq!(session.path(), "/api/beta/echo/000/-/websocket");
}

#[tokio::test]
async fn a_layer_around_the_nest_sees_the_whole_path() {
    let nested = Router::new().route("/page", get(hello));
    let router = Router::new().nest("/api", nested).layer(echo("/api/echo"));
    let server = Server::start(router).await;

    assert_mounted(&server, "/api/echo").await;
    assert_eq!(text(&server, "/api/page").await, "hello");
}

#[tokio::test]
async fn a_fallback_before_the_layer_is_under_it() {
    let router = Router::new().fallback(hello).layer(echo("/echo"));
    let server = Server::start(router).await;

    assert_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/anything").await, "hello");
}

#[tokio::test]
async fn a_fallback_after_the_layer_replaces_it() {
    let router = Router::new().layer(echo("/echo")).fallback(hello);
    let server = Server::start(router).await;

    assert_eq!(text(&server, "/echo/info").await, "hello");
    assert_eq!(text(&server, "/anything").await, "hello");
}
