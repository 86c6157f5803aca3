//! A request that an extractor rejects is answered with the extractor's response, and leaves
//! nothing.

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Query},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use sockjs_axum::{Session, SockJsHandle, SockJsLayer};
use support::{
    Direct, Http2, Opening, PATIENCE, Server, Sessions, Wire, assert_cors, assert_not_cached,
    ending, unique_path,
};
use tokio::sync::mpsc;

use super::{next, none_left};

/// Needs a token, and answers who has none as an application's login would.
#[derive(Debug)]
struct Token;

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        if parts.headers.contains_key("x-token") {
            return Ok(Self);
        }
        let headers = [
            (header::CONTENT_TYPE, "application/json"),
            (header::WWW_AUTHENTICATE, "Bearer realm=\"app\""),
            (header::SET_COOKIE, "theirs=1"),
            (header::RETRY_AFTER, "7"),
        ];
        Err((StatusCode::UNAUTHORIZED, headers, REFUSED).into_response())
    }
}

const REFUSED: &str = r#"{"error":"no token"}"#;

/// Starts a server whose sessions need a token; hands the sessions to the test.
async fn guarded(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, SockJsHandle, mpsc::UnboundedReceiver<Session>) {
    let (tx, sessions) = mpsc::unbounded_channel();
    let layer = SockJsLayer::new("/echo")
        .disconnect_delay(PATIENCE)
        .heartbeat_delay(PATIENCE)
        .on_session(async move |_: Token, session: Session| {
            tx.send(session).expect("the test holds sessions");
        });
    let layer = configure(layer);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    (server, handle, sessions)
}

#[tokio::test]
async fn a_rejection_is_answered_with_its_response_and_our_headers() {
    let (server, handle, sessions) = guarded(|layer| layer.jsessionid(true)).await;
    let origin = "https://app.example";

    for opening in Opening::ALL {
        let path = opening.path(&unique_path("/echo"));
        let request = opening.request(&server, &path).header("Origin", origin);
        let response = request.send().await;

        assert_eq!(response.status, 401, "{opening:?}");
        let theirs = response.header("www-authenticate");
        assert_eq!(theirs, Some("Bearer realm=\"app\""), "{opening:?}");
        assert_eq!(response.header("retry-after"), Some("7"), "{opening:?}");
        let content_type = response.header("content-type");
        assert_eq!(content_type, Some("application/json"), "{opening:?}");
        let nosniff = response.header("x-content-type-options");
        assert_eq!(nosniff, Some("nosniff"), "{opening:?}");
        let mut cookies = vec!["theirs=1"];
        // The URL of a raw WebSocket has no session in it.
        if opening != Opening::RawWebSocket {
            assert_not_cached(&response);
            cookies.push("JSESSIONID=dummy; path=/");
        }
        assert_eq!(response.headers.all("set-cookie"), cookies, "{opening:?}");
        if opening.is_shared() {
            assert_cors(&response, Some(origin));
        }
        for ours in ["x-accel-buffering", "content-encoding", "upgrade"] {
            assert_eq!(response.header(ours), None, "{opening:?}");
        }
        assert_eq!(response.text().await, REFUSED, "{opening:?}");
        assert!(handle.is_empty(), "{opening:?}");
    }
    assert!(sessions.is_empty(), "the handler is not called");
}

#[tokio::test]
async fn the_next_request_with_the_same_id_opens_the_session() {
    for refused in Wire::ALL {
        for opening in Wire::ALL {
            let (server, handle, mut sessions) = guarded(|layer| layer).await;
            let peer = server.peer();
            for _ in 0..3 {
                assert_eq!(peer.receive(refused).send().await.status, 401);
                assert_eq!(peer.send_status(r#"["x"]"#).await, 404);
            }
            assert!(handle.is_empty());

            let request = peer.receive(opening).header("X-Token", "1");
            let mut response = request.send().await;

            assert_eq!(response.status, 200, "{refused:?}, {opening:?}");
            opening.expect_prelude(&mut response).await;
            response.expect(opening.frame("o")).await;
            let session = next(&mut sessions).await;
            assert_eq!(handle.len(), 1);
            let only = handle.sessions().next().expect("it is counted");
            assert_eq!(only.id(), session.id());
        }
    }
}

#[tokio::test]
async fn a_websocket_is_refused_before_it_is_one() {
    let (server, handle, mut sessions) = guarded(|layer| layer).await;

    for opening in [Opening::WebSocket, Opening::RawWebSocket] {
        let path = opening.path("/echo/000/abc");
        let handshake = server.websocket(&path);
        let mut connection = server.connect().await;

        // The connection goes on speaking HTTP, and may try again.
        for _ in 0..3 {
            connection
                .write(handshake.clone().request().to_bytes())
                .await;
            let response = connection.response("GET").await;
            assert_eq!(response.status, 401, "{opening:?}");
            assert_eq!(response.header("sec-websocket-accept"), None);
            assert_eq!(response.text().await, REFUSED);
            assert!(handle.is_empty());
        }
        let handshake = handshake.header("X-Token", "1");
        connection.write(handshake.request().to_bytes()).await;
        let response = connection.response("GET").await;
        assert_eq!(response.status, 101, "{opening:?}");
        let session = next(&mut sessions).await;
        assert_eq!(session.transport(), opening.transport());
        drop(connection);
        ending(&session).await;
        none_left(&handle).await;
    }
}

/// Refuses every request with a response that the request's header `X-Case` names.
#[derive(Debug)]
struct Never;

impl<S: Sync> FromRequestParts<S> for Never {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let case = parts.headers.get("x-case");
        Err(match case.map(|case| case.to_str()) {
            Some(Ok("redirect")) => Redirect::temporary("/login").into_response(),
            Some(Ok("empty")) => StatusCode::NO_CONTENT.into_response(),
            Some(Ok("ok")) => "fine, but no session".into_response(),
            Some(Ok("chunks")) => {
                let chunks = ["one ", "two ", "three"].map(Ok::<_, std::convert::Infallible>);
                let body = Body::from_stream(futures_util::stream::iter(chunks));
                (StatusCode::FORBIDDEN, body).into_response()
            }
            Some(Ok("long")) => (StatusCode::FORBIDDEN, "x".repeat(64 * 1024)).into_response(),
            Some(Ok("too long")) => {
                let text = "x".repeat(64 * 1024 + 1);
                let length = [(header::CONTENT_LENGTH, text.len().to_string())];
                (StatusCode::FORBIDDEN, length, text).into_response()
            }
            Some(Ok("broken")) => {
                let error = Err::<&str, _>(std::io::Error::other("broken"));
                let body = Body::from_stream(futures_util::stream::iter([Ok("one "), error]));
                (StatusCode::FORBIDDEN, body).into_response()
            }
            other => panic!("case {other:?}"),
        })
    }
}

#[tokio::test]
async fn a_rejection_may_be_any_response() {
    let server = Server::echo(|layer| layer.on_session(async |_: Never, _: Session| {})).await;

    for opening in Opening::ALL {
        let path = opening.path("/echo/000/abc");
        let mut connection = server.connect().await;
        for (case, status, length) in [
            ("redirect", 307, 0),
            ("empty", 204, 0),
            ("ok", 200, "fine, but no session".len()),
            ("chunks", 403, "one two three".len()),
            ("long", 403, 64 * 1024),
            // These are cut off whole: the status is what matters.
            ("too long", 403, 0),
            ("broken", 403, 0),
        ] {
            let request = opening.request(&server, &path).header("X-Case", case);
            connection.write(request.to_bytes()).await;
            let response = connection.response("GET").await;
            assert_eq!(response.status, status, "{case}, {opening:?}");
            if case == "redirect" {
                assert_eq!(response.header("location"), Some("/login"));
            }
            let body = response.bytes().await;
            assert_eq!(body.len(), length, "{case}, {opening:?}");
        }
        // The connection is as it was.
        let greeting = connection.get("/echo").send().await;
        assert_eq!(greeting.text().await, "Welcome to SockJS!\n");
    }
}

/// Limit: body of an extractor's rejection
#[tokio::test]
async fn a_rejection_with_an_omitted_body_has_no_content_length() {
    let layer = SockJsLayer::new("/echo").on_session(async |_: Never, _: Session| {});
    let request = http::Request::post("/echo/000/abc/xhr").header("X-Case", "too long");
    let request = request.body(Body::empty()).expect("a valid request");

    let response = Direct::new(layer).call(request).await;

    // HTTP/1 puts a wrong length right, HTTP/2 makes it the client's error.
    let length = response.headers().get(header::CONTENT_LENGTH);
    assert!(length.is_none_or(|length| length == "0"), "{length:?}");
}

#[tokio::test]
async fn rejections_of_axums_own_extractors_are_unchanged() {
    let handler = async |_: Query<Vec<(String, u8)>>, _: axum::Extension<u8>, _: Session| {};
    let server = Server::echo(|layer| layer.on_session(handler)).await;

    for opening in Opening::ALL {
        let session = unique_path("/echo");
        let path = opening.path_with(&session, "n=many");
        let response = opening.request(&server, &path).send().await;
        assert_eq!(response.status, 400, "{opening:?}");
        let text = response.text().await;
        assert!(text.contains("deserialize query string"), "{text}");
    }
    let missing = server.peer().post("xhr?n=1").send().await;
    assert_eq!(missing.status, 500);
    let text = missing.text().await;
    assert!(text.contains("Missing request extension"), "{text}");
}

#[tokio::test]
async fn a_vary_header_of_a_rejection_is_kept() {
    #[derive(Debug)]
    struct Language;
    impl<S: Sync> FromRequestParts<S> for Language {
        type Rejection = (StatusCode, [(HeaderName, &'static str); 1]);

        async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
            let vary = [(header::VARY, "Accept-Language")];
            Err((StatusCode::NOT_ACCEPTABLE, vary))
        }
    }
    let handler = async |_: Language, _: Session| {};
    let server = Server::echo(|layer| layer.on_session(handler)).await;

    let response = server.peer().post("xhr").send().await;

    assert_eq!(response.status, 406);
    assert_eq!(response.headers.list("vary"), ["Accept-Language", "Origin"]);
}

#[tokio::test]
async fn a_websocket_over_http2_is_refused_before_it_is_one() {
    let (server, handle, mut sessions) = guarded(|layer| layer).await;
    let client = Http2::connect(server.addr()).await;

    for opening in [Opening::WebSocket, Opening::RawWebSocket] {
        let path = opening.path("/echo/000/abc");
        let request = Http2::connect_request("websocket", &path);
        let response = client.send(request).await;
        assert_eq!(response.status(), 401, "{opening:?}");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(handle.is_empty(), "{opening:?}");

        let mut request = Http2::connect_request("websocket", &path);
        let token = HeaderValue::from_static("1");
        request.headers_mut().insert("x-token", token);
        let response = client.send(request).await;
        assert_eq!(response.status(), 200, "{opening:?}");
        let session = next(&mut sessions).await;
        assert_eq!(session.transport(), opening.transport());
        drop(response);
        ending(&session).await;
        none_left(&handle).await;
    }
}

#[tokio::test]
async fn each_mount_runs_its_own_extractors() {
    let (open, mut sessions) = Sessions::capture(SockJsLayer::new("/open"));
    let closed = SockJsLayer::new("/closed").on_session(async |_: Token, _: Session| {});
    let server = Server::start(Router::new().layer(open).layer(closed)).await;

    let refused = server.peer_at("/closed/000/abc");
    assert_eq!(refused.post("xhr").send().await.status, 401);
    assert_eq!(server.peer_at("/open/000/abc").poll().await, "o\n");
    sessions.next().await;
}
