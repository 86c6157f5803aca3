//! Which services share their sessions.

use axum::{Router, routing::post};
use support::{Server, Sessions, received};
use tower::Layer as _;

use super::{echo, hello};

#[tokio::test]
async fn all_routes_of_a_router_share_the_sessions_of_its_layer() {
    // axum applies a layer to every route: `xhr_send` goes through one of them here, `xhr` through
    // the fallback.
    let router = Router::new()
        .route("/echo/{server}/{session}/xhr_send", post(hello))
        .layer(echo("/echo"));
    let server = Server::start(router).await;
    let peer = server.peer();

    peer.open().await;
    peer.send(r#"["x"]"#).await;

    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}

#[tokio::test]
async fn clones_of_a_layer_are_the_same_mount() {
    let (layer, mut sessions) = Sessions::capture(echo("/echo"));
    let one = Server::start(Router::new().layer(layer.clone())).await;
    let two = Server::start(Router::new().fallback_service(layer.into_service())).await;
    let path = "/echo/000/abc";

    one.peer_at(path).open().await;
    two.peer_at(path).send(r#"["x"]"#).await;

    let mut session = sessions.next().await;
    assert_eq!(received(&mut session).await, "x");
    session.close(3000, "Go away!");
    for server in [two, one] {
        let answer = server.peer_at(path).poll().await;
        assert_eq!(answer, "c[3000,\"Go away!\"]\n");
    }
    assert!(sessions.is_empty());
}

#[tokio::test]
async fn two_mounts_share_no_session_whatever_their_prefixes() {
    let router = Router::new()
        .nest_service("/one", echo("/").into_service())
        .nest_service("/two", echo("/").into_service())
        .layer(echo("/three"))
        .layer(echo("/four"));
    let server = Server::start(router).await;
    let prefixes = ["/one", "/two", "/three", "/four"];

    for (n, prefix) in prefixes.iter().enumerate() {
        let peer = server.peer_at(format!("{prefix}/000/abc"));
        assert_eq!(peer.send_status(r#"["x"]"#).await, 404, "{prefix}");
        peer.open().await;
        peer.send(format!("[\"{n}\"]")).await;
    }
    for (n, prefix) in prefixes.iter().enumerate() {
        let peer = server.peer_at(format!("{prefix}/000/abc"));
        assert_eq!(peer.poll().await, format!("a[\"{n}\"]\n"));
    }
}

#[tokio::test]
async fn two_layers_of_one_prefix_are_two_mounts() {
    let one = Server::start(Router::new().layer(echo("/echo"))).await;
    let two = Server::start(Router::new().layer(echo("/echo"))).await;

    one.peer_at("/echo/000/abc").open().await;

    let status = two.peer_at("/echo/000/abc").send_status("[]").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn an_outer_layer_hides_an_inner_one_of_the_same_prefix() {
    let (inner, inner_sessions) = Sessions::capture(echo("/echo"));
    let (outer, mut outer_sessions) = Sessions::capture(echo("/echo"));
    let service = outer.layer(inner.into_service());
    let server = Server::start(Router::new().fallback_service(service)).await;

    server.peer().open().await;

    outer_sessions.next().await;
    assert!(inner_sessions.is_empty());
}
