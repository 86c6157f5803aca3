//! The layer together with tower-http's layers. "Above" is around the layer and applied after it;
//! "below" is inside the layer.

mod compression;
mod cors;
mod ids;
mod timeout;
mod trace;

use axum::{Router, routing::get};
use http::StatusCode;
use sockjs_axum::SockJsLayer;
use support::{Server, Wire};
use tower::ServiceBuilder;
use tower_http::{
    compression::CompressionLayer, cors::CorsLayer, request_id::SetRequestIdLayer,
    timeout::TimeoutLayer, trace::TraceLayer,
};

use crate::layer::{assert_mounted, hello, text};

/// A layer whose sessions echo, with no delay that ends one.
fn echo() -> SockJsLayer {
    SockJsLayer::new("/echo")
        .disconnect_delay(support::PATIENCE)
        .heartbeat_delay(support::PATIENCE)
}

/// A router for a layer to go onto.
fn routes() -> Router {
    Router::new().route("/page", get(hello))
}

#[tokio::test]
async fn all_middleware_may_be_above_and_below() {
    let stack = || {
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(ids::SameId))
            .layer(TraceLayer::new_for_http())
            .layer(TimeoutLayer::with_status_code(
                StatusCode::REQUEST_TIMEOUT,
                support::PATIENCE,
            ))
            .layer(CorsLayer::very_permissive())
            .layer(CompressionLayer::new())
    };
    let router = routes().layer(stack()).layer(echo()).layer(stack());

    assert_untroubled(router).await;
}

/// Asserts that all of a mount and of the routes around it works.
async fn assert_untroubled(router: Router) {
    let server = Server::start(router).await;
    assert_mounted(&server, "/echo").await;
    for wire in Wire::ALL {
        let peer = server.peer();
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        for message in ["x", "y"] {
            peer.send(format!("[\"{message}\"]")).await;
            receiver.expect(&format!("a[\"{message}\"]")).await;
        }
    }
    let mut raw = server.websocket("/echo/websocket").open().await;
    raw.send_text("x").await;
    raw.expect("x").await;
    assert_eq!(text(&server, "/page").await, "hello");
    assert_eq!(server.get("/nothing").send().await.status, 404);
}
