//! What the extractors of a handler see.

mod params;
mod rejections;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    extract::{
        ConnectInfo, FromRequestParts, MatchedPath, OriginalUri, Path, Query, RawPathParams, State,
    },
    middleware::{Next, from_fn},
    response::Response,
};
use http::{HeaderMap, Method, Uri, Version, request::Parts};
use sockjs_axum::{Session, SockJsLayer};
use support::{Server, Wire, unique_path, within};
use tokio::sync::mpsc;

/// Asserts that a handler sends what it makes of its extractors, whatever the transport.
async fn assert_described(server: &Server, path: &str, query: &str, expected: &str) {
    let frame = format!("a[{}]", serde_json::Value::from(expected));
    for wire in Wire::ALL {
        let endpoint = wire.endpoint();
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let peer = server.peer_at(unique_path(path));
        let request = peer.request(wire.method(), &format!("{endpoint}{separator}{query}"));
        let mut response = request.header("X-Name", "value").send().await;
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;
        peer.receiver(wire).expect(&frame).await;
    }
    for url in [
        format!("{path}/000/abc/websocket?{query}"),
        format!("{path}/websocket?{query}"),
    ] {
        let handshake = server.websocket(&url).header("X-Name", "value");
        let mut socket = handshake.open().await;
        let mut text = socket.text().await;
        if text == "o" {
            text = socket.text().await;
            assert_eq!(text, frame);
        } else {
            assert_eq!(text, expected);
        }
    }
}

/// Serves a layer with a response limit of 1, so that every frame is a response of its own.
async fn serve(layer: SockJsLayer) -> Server {
    Server::start(Router::new().layer(layer.response_limit(1))).await
}

#[tokio::test]
async fn state_is_the_layers_state() {
    let handler = |State(name): State<Arc<str>>, session: Session| async move {
        session.send(&*name).await.ok();
        session.closed().await;
    };
    let layer = SockJsLayer::new("/echo").on_session(handler);
    let server = serve(layer.with_state(Arc::from("a state"))).await;

    assert_described(&server, "/echo", "", "a state").await;
}

#[tokio::test]
async fn an_extension_comes_from_middleware_around_the_layer() {
    #[derive(Clone)]
    struct User(String);
    async fn authenticate(mut request: axum::extract::Request, next: Next) -> Response {
        if let Some(name) = request.headers().get("x-name") {
            let name = name.to_str().expect("a name is ASCII").to_owned();
            request.extensions_mut().insert(User(name));
        }
        next.run(request).await
    }
    let handler = |Extension(User(name)): Extension<User>, session: Session| async move {
        session.send(name).await.ok();
        session.closed().await;
    };
    let layer = SockJsLayer::new("/echo")
        .on_session(handler)
        .response_limit(1);
    let router = Router::new().layer(layer).layer(from_fn(authenticate));
    let server = Server::start(router).await;

    assert_described(&server, "/echo", "", "value").await;
}

#[tokio::test]
async fn query_and_headers_are_those_of_the_opening_request() {
    let handler = |Query(query): Query<HashMap<String, String>>,
                   headers: HeaderMap,
                   session: Session| async move {
        assert_eq!(session.headers(), &headers);
        let text = format!("{} {}", query["room"], headers["x-name"].to_str().unwrap());
        session.send(text).await.ok();
        session.closed().await;
    };
    let server = serve(SockJsLayer::new("/echo").on_session(handler)).await;

    assert_described(&server, "/echo", "room=%C3%A9&x=1", "é value").await;
}

#[tokio::test]
async fn path_parameters_are_those_of_the_nest() {
    let handler = |Path((tenant, room)): Path<(String, u32)>, session: Session| async move {
        session.send(format!("{tenant} {room}")).await.ok();
        session.closed().await;
    };
    let layer = SockJsLayer::new("/").on_session(handler).response_limit(1);
    let router = Router::new().nest_service("/{tenant}/{room}/echo", layer.into_service());
    let server = Server::start(router).await;

    assert_described(&server, "/caf%C3%A9/7/echo", "", "café 7").await;
}

#[tokio::test]
async fn connect_info_is_the_peers_address() {
    let handler = |ConnectInfo(addr): ConnectInfo<SocketAddr>, session: Session| async move {
        assert_eq!(session.remote_addr(), Some(addr));
        session.send(addr.ip().to_string()).await.ok();
        session.closed().await;
    };
    let server = serve(SockJsLayer::new("/echo").on_session(handler)).await;

    assert_described(&server, "/echo", "", "127.0.0.1").await;
}

#[tokio::test]
async fn a_handler_may_have_eight_extractors() {
    type Info = ConnectInfo<SocketAddr>;
    #[expect(clippy::too_many_arguments, reason = "this is what is tested")]
    async fn handler(
        State(state): State<u32>,
        _: Extension<&'static str>,
        Query(query): Query<HashMap<String, String>>,
        method: Method,
        uri: Uri,
        version: Version,
        headers: HeaderMap,
        _: Info,
        session: Session,
    ) {
        assert!([Method::GET, Method::POST].contains(&method));
        assert_eq!(version, Version::HTTP_11);
        assert!(uri.path().starts_with("/echo/"), "{uri}");
        let text = format!("{state} {} {}", query["x"], headers.contains_key("host"));
        session.send(text).await.ok();
        session.closed().await;
    }
    let layer = SockJsLayer::new("/echo").on_session(handler).with_state(8);
    let layer: SockJsLayer = layer.response_limit(1);
    let router = Router::new().layer(layer).layer(Extension("extension"));
    let server = Server::start(router).await;

    assert_described(&server, "/echo", "x=y", "8 y true").await;
}

/// All that can be had of a request, as text.
struct Everything(String);

impl<S: Send + Sync> FromRequestParts<S> for Everything {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let original = OriginalUri::from_request_parts(parts, state).await;
        let matched = MatchedPath::from_request_parts(parts, state).await.ok();
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let uri = Uri::from_request_parts(parts, state).await;
        let everything = format!("{parts:?} {original:?} {matched:?} {params:?} {uri:?}");
        Ok(Self(everything))
    }
}

/// Returns what a handler can find out about the session opened by a request that has every secret
/// in it.
async fn everything(mount: &str, path: &str) -> Vec<String> {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let handler = move |Everything(mut everything): Everything, session: Session| {
        let (headers, uri) = (session.headers(), session.uri());
        everything += &format!("{headers:?} {uri:?} {session:?} {}", session.path());
        tx.send(everything).ok();
        async {}
    };
    let layer = SockJsLayer::new("/").on_session(handler);
    let router = if mount.is_empty() {
        Router::new().layer(layer)
    } else {
        Router::new().nest_service(mount, layer.into_service())
    };
    let server = Server::start(router).await;
    for wire in Wire::ALL {
        let peer = server.peer_at(format!("{path}/000/secret-{wire:?}"));
        let request = peer.receive(wire).header("Cookie", "JSESSIONID=secret");
        let request = request.header("Authorization", "Basic secret");
        request.header("X-Name", "visible").send().await;
    }
    for url in ["000/secret/websocket", "000/secret/websocket/", "websocket"] {
        let handshake = server
            .websocket(&format!("{path}/{url}"))
            .header("Cookie", "secret=secret")
            .header("Authorization", "Bearer secret")
            .header("X-Name", "visible");
        handshake.open().await;
    }
    let mut found = Vec::new();
    for _ in 0..Wire::ALL.len() + 3 {
        let description = within("a session", rx.recv()).await;
        found.push(description.expect("the server lives"));
    }
    found
}

#[tokio::test]
async fn cookies_credentials_and_the_session_id_are_not_visible() {
    for (mount, path) in [
        ("", ""),
        ("/echo", "/echo"),
        ("/{tenant}/echo", "/acme/echo"),
    ] {
        for found in everything(mount, path).await {
            assert!(!found.contains("secret"), "{found}");
            assert!(found.contains("visible"), "{found}");
        }
    }
}

#[tokio::test]
async fn the_session_id_is_a_dash_in_every_uri() {
    async fn handler(uri: Uri, OriginalUri(original): OriginalUri, session: Session) {
        let text = format!("{uri} {original} {} {}", session.uri(), session.prefix());
        session.send(text).await.ok();
        session.closed().await;
    }
    let layer = SockJsLayer::new("/").on_session(handler);
    let router = Router::new().nest_service("/{tenant}/echo", layer.into_service());
    let server = Server::start(router).await;

    let peer = server.peer_at("/acme/echo/000/abc");
    let response = peer.post("xhr?room=/000/abc").send().await;
    assert_eq!(response.text().await, "o\n");

    let uri = "/000/-/xhr?room=/000/abc";
    let whole = format!("/acme/echo{uri}");
    let expected = format!("a[\"{uri} {whole} {whole} /acme/echo\"]\n");
    assert_eq!(peer.poll().await, expected);
}
