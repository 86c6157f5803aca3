use serde_json::{Value, json};
use sockjs_axum::{BaseUrl, Transport};
use support::{Server, assert_cached_for_a_year, assert_cors, assert_not_cached, received};

async fn info(server: &Server) -> Value {
    let response = server.get("/echo/info").send().await;
    assert_eq!(response.status, 200);
    serde_json::from_str(&response.text().await).expect("info is JSON")
}

/// P51: Info.
#[tokio::test]
async fn info_has_all_fields_and_headers() {
    let server = Server::echo(|layer| layer).await;

    let response = server.get("/echo/info").send().await;

    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=UTF-8")
    );
    assert_eq!(response.header("set-cookie"), None);
    assert_eq!(response.header("transfer-encoding"), None);
    assert_not_cached(&response);
    assert_cors(&response, None);
    let mut info: Value = serde_json::from_str(&response.text().await).unwrap();
    let entropy = info.as_object_mut().unwrap().remove("entropy").unwrap();
    assert!(
        entropy.as_u64().is_some_and(|entropy| entropy < 1 << 32),
        "{entropy}"
    );
    let expected = json!({ "websocket": true, "cookie_needed": false, "origins": ["*:*"] });
    assert_eq!(info, expected);
}

/// P51: Info.
#[tokio::test]
async fn entropy_is_fresh_every_time() {
    let server = Server::echo(|layer| layer).await;

    let mut values = Vec::new();
    for _ in 0..20 {
        values.push(info(&server).await["entropy"].as_u64().unwrap());
    }

    values.sort_unstable();
    values.dedup();
    // Two equal values among twenty happen once in twenty million runs.
    assert!(values.len() >= 19, "{values:?}");
    assert!(values.last() > Some(&(1 << 24)), "{values:?}");
}

#[tokio::test]
async fn a_trailing_slash_and_a_query_change_nothing() {
    let server = Server::echo(|layer| layer).await;

    for path in [
        "/echo/info/",
        "/echo/info?t=1",
        "/echo/info/?t=/iframe.html",
    ] {
        let response = server.get(path).send().await;
        assert_eq!(response.status, 200, "{path}");
        assert!(response.text().await.contains("\"entropy\""), "{path}");
    }
}

#[tokio::test]
async fn websocket_is_false_when_it_is_off() {
    let server = Server::echo(|layer| layer.websocket(false)).await;
    assert_eq!(info(&server).await["websocket"], false);

    let server = Server::echo(|layer| layer.transports([Transport::Xhr])).await;
    assert_eq!(info(&server).await["websocket"], false);
}

/// P51: Info.
#[tokio::test]
async fn cookie_needed_is_true_and_no_cookie_is_set() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;
    assert_eq!(info(&server).await["cookie_needed"], true);

    let response = server
        .get("/echo/info")
        .header("Cookie", "JSESSIONID=abc")
        .send()
        .await;
    assert_eq!(response.header("set-cookie"), None);
}

/// P51: Info.
#[tokio::test]
async fn base_url_is_there_when_configured() {
    let server = Server::echo(|layer| layer.base_url("https://sockjs.example/x")).await;
    assert_eq!(info(&server).await["base_url"], "https://sockjs.example/x");

    let of_request = BaseUrl::custom(|parts| format!("http://{}", parts.uri.path()));
    let server = Server::echo(|layer| layer.base_url(of_request)).await;
    assert_eq!(info(&server).await["base_url"], "http:///echo/info");
}

/// P47: Preflights.
#[tokio::test]
async fn preflight_allows_options_and_get() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    for origin in [
        None,
        Some("https://app.example"),
        Some("null"),
        Some("test"),
    ] {
        let mut request = server.request("OPTIONS", "/echo/info");
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        let response = request
            .header("Access-Control-Request-Method", "GET")
            .send()
            .await;

        assert_eq!(response.status, 204);
        assert_eq!(
            response.headers.list("access-control-allow-methods"),
            ["GET", "OPTIONS"]
        );
        assert_eq!(response.header("access-control-max-age"), Some("31536000"));
        assert_eq!(response.header("content-type"), None);
        assert_eq!(response.header("set-cookie"), None);
        assert_cached_for_a_year(&response);
        assert_cors(&response, origin);
        response.end().await;
    }
}

/// P4: Methods.
#[tokio::test]
async fn head_has_the_headers_of_get() {
    let server = Server::echo(|layer| layer).await;
    let mut connection = server.connect().await;

    let response = connection.request("HEAD", "/echo/info").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=UTF-8")
    );
    assert_not_cached(&response);
    response.end().await;

    assert_eq!(
        connection.get("/echo").send().await.text().await,
        "Welcome to SockJS!\n"
    );
}

/// P52: Info waits for nothing.
#[tokio::test]
async fn info_does_not_wait_for_a_busy_application() {
    // The application receives nothing and the receive buffer is full, so that send requests wait.
    let (server, mut sessions) = Server::capture(|layer| layer.receive_buffer(1)).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let mut sends = Vec::new();
    for n in 0..4 {
        sends.push(
            peer.post("xhr_send")
                .body(format!(r#"["{n}"]"#))
                .start()
                .await,
        );
    }

    assert_eq!(info(&server).await["websocket"], true);

    let mut messages = Vec::new();
    for _ in 0..4 {
        messages.push(received(&mut session).await);
    }
    messages.sort_unstable();
    assert_eq!(messages, ["0", "1", "2", "3"]);
    for send in sends {
        assert_eq!(send.response().await.status, 204);
    }
}

/// P51: Info.
#[tokio::test]
async fn info_creates_no_session() {
    let (server, sessions) = Server::capture(|layer| layer).await;
    info(&server).await;
    assert!(sessions.is_empty());
}
