//! A layer on one of two routers that are merged.
//!
//! A request under a layer's prefix that matches no route goes to the router's fallback, and the
//! layer around the fallback answers. Of two routers' fallbacks axum 0.8 keeps one: a custom
//! fallback if there is one, otherwise the fallback of the router given to `merge`. With a
//! fallback, the layer around it is lost.

use axum::{Router, routing::get};
use support::Server;

use super::{assert_mounted, assert_not_mounted, echo, hello, text};

fn plain() -> Router {
    Router::new().route("/plain", get(hello))
}

fn with_layer() -> Router {
    Router::new()
        .route("/with", get(hello))
        .layer(echo("/echo"))
}

fn with_layer_around_a_fallback() -> Router {
    Router::new()
        .route("/with", get(hello))
        .fallback(hello)
        .layer(echo("/echo"))
}

/// Serves a router that has the routes of both.
async fn serve(router: Router) -> Server {
    let server = Server::start(router).await;
    assert_eq!(text(&server, "/plain").await, "hello");
    assert_eq!(text(&server, "/with").await, "hello");
    server
}

#[tokio::test]
async fn a_router_with_the_layer_may_be_merged_into_another() {
    let server = serve(plain().merge(with_layer())).await;

    assert_mounted(&server, "/echo").await;
}

#[tokio::test]
async fn a_router_with_the_layer_loses_it_when_another_is_merged_into_it() {
    let server = serve(with_layer().merge(plain())).await;

    assert_not_mounted(&server, "/echo").await;
}

#[tokio::test]
async fn a_layer_around_a_fallback_survives_either_merge() {
    for router in [
        plain().merge(with_layer_around_a_fallback()),
        with_layer_around_a_fallback().merge(plain()),
    ] {
        let server = serve(router).await;
        assert_mounted(&server, "/echo").await;
        assert_eq!(text(&server, "/anything").await, "hello");
    }
}

#[tokio::test]
async fn a_fallback_of_the_other_router_removes_the_layer_in_either_merge() {
    for router in [
        plain().fallback(hello).merge(with_layer()),
        with_layer().merge(plain().fallback(hello)),
    ] {
        let server = serve(router).await;
        assert_eq!(text(&server, "/echo/info").await, "hello");
    }
}

#[tokio::test]
async fn of_two_routers_with_a_layer_the_merged_one_keeps_its_own() {
    let other = Router::new()
        .route("/plain", get(hello))
        .layer(echo("/other"));
    let server = serve(with_layer().merge(other)).await;

    assert_mounted(&server, "/other").await;
    assert_not_mounted(&server, "/echo").await;
}

#[tokio::test]
async fn a_layer_after_the_merge_is_always_reached() {
    let other = Router::new().route("/with", get(hello));
    let server = serve(plain().merge(other).layer(echo("/echo"))).await;

    assert_mounted(&server, "/echo").await;
}
