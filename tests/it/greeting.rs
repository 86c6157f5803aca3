use support::Server;

const GREETING: &str = "Welcome to SockJS!\n";

#[tokio::test]
async fn greets_at_the_prefix_with_and_without_slash() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    for path in ["/echo", "/echo/", "/echo?x", "/echo/?x=/info"] {
        let response = server.get(path).send().await;

        assert_eq!(response.status, 200, "{path}");
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=UTF-8"),
            "{path}"
        );
        assert_eq!(response.header("content-length"), Some("19"), "{path}");
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(response.header("set-cookie"), None, "{path}");
        assert_eq!(response.text().await, GREETING, "{path}");
    }
}

/// P4: Methods.
#[tokio::test]
async fn head_has_the_headers_of_get() {
    let server = Server::echo(|layer| layer).await;
    let mut connection = server.connect().await;

    let response = connection.request("HEAD", "/echo").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_eq!(response.header("content-length"), Some("19"));
    response.end().await;

    // No body came, so the next response follows at once.
    assert_eq!(connection.get("/echo").send().await.text().await, GREETING);
}

#[tokio::test]
async fn an_upgrade_to_a_page_is_an_ordinary_request() {
    let server = Server::echo(|layer| layer).await;

    for path in ["/echo", "/echo/info", "/echo/iframe.html"] {
        let request = server
            .get(path)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket");
        let request = request.header("Sec-WebSocket-Version", "13");
        let response = request
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send()
            .await;

        assert_eq!(response.status, 200, "{path}");
    }
    assert_eq!(server.get("/echo").send().await.text().await, GREETING);
}
