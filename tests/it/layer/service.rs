//! The mount as a service of its own, or around another service.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{Router, ServiceExt, body::Body, extract::Request, routing::get};
use http::Response;
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockjs_axum::{ResponseBody, SockJsLayer};
use support::{Server, Sessions, Wire};
use tokio::net::TcpListener;
use tower::{Layer as _, Service, ServiceExt as _, util::MapResponseLayer};

use super::{assert_mounted, assert_not_mounted, echo, hello, text};

#[tokio::test]
async fn a_nested_service_sees_the_path_without_the_matched_prefix() {
    let router = Router::new()
        .route("/", get(hello))
        .nest_service("/echo", echo("/").into_service())
        .nest_service("/api", echo("/deeper/echo").into_service());
    let server = Server::start(router).await;

    assert_mounted(&server, "/echo").await;
    assert_mounted(&server, "/api/deeper/echo").await;
    assert_not_mounted(&server, "/api").await;
    assert_eq!(text(&server, "/").await, "hello");
    assert_eq!(server.get("/echoes").send().await.status, 404);
}

#[tokio::test]
async fn each_value_of_a_path_parameter_is_a_mount() {
    let (layer, mut sessions) = Sessions::capture(echo("/"));
    let router = Router::new().nest_service("/{tenant}/echo", layer.into_service());
    let server = Server::start(router).await;
    let acme = server.peer_at("/acme/echo/000/abc");
    let beta = server.peer_at("/beta/echo/000/abc");

    acme.open().await;
    let at_acme = sessions.next().await;
    assert_eq!(beta.send_status(r#"["x"]"#).await, 404);
    beta.open().await;
    let at_beta = sessions.next().await;

    assert_eq!(
        (at_acme.prefix(), at_beta.prefix()),
        ("/acme/echo", "/beta/echo")
    );
    assert_eq!(at_acme.path(), "/acme/echo/000/-/xhr");
    assert_ne!(at_acme.id(), at_beta.id());
    at_acme.close(3000, "Go away!");
    assert_eq!(acme.poll().await, "c[3000,\"Go away!\"]\n");
    at_beta.try_send("still here").unwrap();
    assert_eq!(beta.poll().await, "a[\"still here\"]\n");
    assert_eq!(acme.poll().await, "c[3000,\"Go away!\"]\n");
}

#[tokio::test]
async fn every_transport_works_under_path_parameters() {
    let service = SockJsLayer::new("/").into_service();
    let router = Router::new().nest_service("/{tenant}/{room}", service);
    let server = Server::start(router).await;

    assert_mounted(&server, "/acme/7").await;
    assert_mounted(&server, "/with%20space/%C3%A9").await;
    for wire in Wire::ALL {
        let peer = server.peer_at(format!("/acme/8/000/{wire:?}"));
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        peer.send(r#"["x"]"#).await;
        receiver.expect(r#"a["x"]"#).await;
    }
}

#[tokio::test]
async fn the_service_may_be_a_fallback() {
    let service = echo("/echo").into_service();
    let router = Router::new().route("/page", get(hello));
    let server = Server::start(router.fallback_service(service)).await;

    assert_mounted(&server, "/echo").await;
    assert_not_mounted(&server, "/echoes").await;
    assert_eq!(text(&server, "/page").await, "hello");
}

#[tokio::test]
async fn the_service_may_be_the_service_of_a_route() {
    let service = echo("/echo").into_service();
    let router = Router::new()
        .route_service("/echo", service.clone())
        .route_service("/echo/", service.clone())
        .route_service("/echo/{*rest}", service);
    let server = Server::start(router).await;

    assert_mounted(&server, "/echo").await;
}

#[tokio::test]
async fn the_layer_may_wrap_a_whole_router() {
    let router = Router::new().route("/page", get(hello)).fallback(hello);
    // `axum::serve` asks for axum's own type of body.
    let body = |response: Response<ResponseBody<_>>| response.map(Body::new);
    let service = MapResponseLayer::new(body).layer(echo("/echo").layer(router));
    let server = Server::around(|listener| async {
        let make = ServiceExt::<Request>::into_make_service(service);
        axum::serve(listener, make).await.expect("it does not fail");
    })
    .await;

    assert_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/page").await, "hello");
    assert_eq!(text(&server, "/anything").await, "hello");
}

#[tokio::test]
async fn the_service_runs_on_hyper_without_axum() {
    let router = Router::new().route("/page", get(hello));
    let service = TowerToHyperService::new(echo("/echo").layer(router));
    let server = Server::around(|listener| serve_with_hyper(listener, service)).await;

    assert_mounted(&server, "/echo").await;
    assert_not_mounted(&server, "/other").await;
    assert_eq!(text(&server, "/page").await, "hello");
}

#[tokio::test]
async fn the_service_needs_no_inner_service() {
    let service = TowerToHyperService::new(echo("/echo").into_service());
    let server = Server::around(|listener| serve_with_hyper(listener, service)).await;

    assert_mounted(&server, "/echo").await;
    assert_not_mounted(&server, "/other").await;
    for wire in Wire::ALL {
        let peer = server.peer();
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        peer.send(r#"["x"]"#).await;
        receiver.expect(r#"a["x"]"#).await;
    }
}

async fn serve_with_hyper<S, B>(listener: TcpListener, service: TowerToHyperService<S>)
where
    S: Service<http::Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: axum::body::HttpBody<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service.clone())
            .with_upgrades();
        tokio::spawn(connection);
    }
}

/// A service that is ready every other time, and panics if it is called when it is not ready.
#[derive(Debug, Default)]
struct Shy {
    asked: u32,
    ready: bool,
}

impl Clone for Shy {
    fn clone(&self) -> Self {
        // A clone is not ready because the original is.
        Self::default()
    }
}

impl Service<Request> for Shy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        self.ready = self.asked.is_multiple_of(2);
        if self.ready {
            Poll::Ready(Ok(()))
        } else {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "it was not ready");
        ready(Ok(Response::new("inner".into())))
    }
}

#[tokio::test]
async fn the_inner_service_is_called_only_when_it_was_ready() {
    let mut service = echo("/echo").layer(Shy::default());
    let request = |path| Request::get(path).body(Body::empty()).unwrap();

    for path in ["/", "/page", "/echo/info", "/echoes", "/page"] {
        let service = service.ready().await.unwrap();
        let response = service.call(request(path)).await.unwrap();
        let body = axum::body::to_bytes(Body::new(response.into_body()), 1000).await;
        let ours = path == "/echo/info";
        assert_eq!(body.unwrap() == "inner", !ours, "{path}");
    }
    for path in ["/page", "/echo/info"] {
        let response = service.clone().oneshot(request(path)).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}
