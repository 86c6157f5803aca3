//! What extractors see of the parameters that a router took from the path of a mount.

use std::collections::HashMap;

use axum::{
    Extension, Router,
    extract::{MatchedPath, Path, RawPathParams},
    http::request::Parts,
    routing::any,
};
use sockjs_axum::{Session, SockJsLayer};
use support::{Opening, Server, within};
use tokio::sync::mpsc;

const ID: &str = "s3cr3t-id";

/// What a handler saw: the parameters, the pattern of the route, and an extension.
type Seen = (Vec<(String, String)>, Option<String>, u32);

async fn watch(
    prefix: &str,
    router: impl FnOnce(SockJsLayer) -> Router,
) -> (Server, mpsc::UnboundedReceiver<Seen>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let handler = async move |raw: RawPathParams,
                              Path(map): Path<HashMap<String, String>>,
                              path: Option<MatchedPath>,
                              Extension(number): Extension<u32>,
                              parts: Parts,
                              _: Session| {
        let raw = raw.iter().map(|(key, value)| (key.into(), value.into()));
        let raw: Vec<(String, String)> = raw.collect();
        for (key, value) in &raw {
            assert_eq!(map[key], *value);
        }
        assert!(!format!("{:?}", parts.uri).contains(ID));
        let path = path.map(|path| path.as_str().to_owned());
        tx.send((raw, path, number)).expect("the test waits");
    };
    let layer = SockJsLayer::new(prefix).on_session(handler);
    let router = router(layer).layer(Extension(7_u32));
    (Server::start(router).await, rx)
}

async fn openings(mount: &str, router: impl Fn(SockJsLayer) -> Router, prefix: &str) {
    let (server, mut seen) = watch(prefix, router).await;
    for (n, opening) in Opening::ALL.into_iter().enumerate() {
        if opening == Opening::RawWebSocket {
            continue;
        }
        let path = opening.path(&format!("{mount}/serv%20er/{ID}{n}"));
        let response = opening.request(&server, &path).send().await;
        if response.status == 404 {
            // This route has no such path.
            continue;
        }
        assert_eq!(response.status, opening.status(), "{path}");
        let (params, matched, number) = within("a handler", seen.recv()).await.expect("it ran");
        let all: String = params.iter().map(|(_, value)| &**value).collect();
        assert!(!all.contains(ID), "{path}: {params:?}");
        assert!(all.contains('-'), "{path}: {params:?}");
        assert_eq!(number, 7, "{path}");
        assert!(matched.is_some(), "{path}");
        if mount.contains("ten%20ant") {
            let tenant = ("tenant".to_owned(), "ten ant".to_owned());
            assert_eq!(params[0], tenant, "{path}");
        }
        if params.iter().any(|(key, _)| key == "rest") {
            assert!(all.contains("serv er/-/"), "{path}: {params:?}");
        }
    }
}

#[tokio::test]
async fn the_id_is_in_no_parameter() {
    let service = |layer: SockJsLayer| layer.into_service();
    openings(
        "/chat",
        |layer| Router::new().route_service("/chat/{*rest}", service(layer)),
        "/chat",
    )
    .await;
    openings(
        "/chat",
        |layer| Router::new().route_service("/chat/{server}/{session}/{action}", service(layer)),
        "/chat",
    )
    .await;
    openings(
        "/chat",
        |layer| Router::new().route("/chat/{*rest}", any(|| async {}).layer(layer)),
        "/chat",
    )
    .await;
    openings(
        "/api/ten%20ant/chat",
        |layer| {
            let nested = Router::new().route_service("/chat/{*rest}", service(layer));
            Router::new().nest("/api/{tenant}", nested)
        },
        "/chat",
    )
    .await;
}

#[tokio::test]
async fn a_tenant_whose_name_is_the_id_stays() {
    let (server, mut seen) = watch("/", |layer| {
        Router::new().nest_service("/t/{tenant}", layer.into_service())
    })
    .await;
    for (n, opening) in Opening::ALL.into_iter().enumerate() {
        if opening == Opening::RawWebSocket {
            continue;
        }
        let path = opening.path(&format!("/t/acme{n}/0/acme{n}"));
        let response = opening.request(&server, &path).send().await;
        assert_eq!(response.status, opening.status(), "{path}");
        let (params, ..) = within("a handler", seen.recv()).await.expect("it ran");
        assert_eq!(params, [("tenant".to_owned(), format!("acme{n}"))]);
    }
}
