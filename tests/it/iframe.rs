use sockjs_axum::SockJsLayer;
use support::{Response, Server, assert_cached_for_a_year};

/// The page, its script's URL aside.
const PAGE: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="SOCKJS_URL"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;

const SCRIPT: &str = "http://localhost:8080/lib/sockjs.js";

async fn server() -> Server {
    Server::echo(|layer| layer.sockjs_url(SCRIPT).jsessionid(true)).await
}

fn tag(response: &Response<'_>) -> String {
    let tag = response.header("etag").expect("the page has a tag");
    assert!(
        tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
        "a strong tag: {tag}"
    );
    tag.to_owned()
}

/// P53: Iframe page.
/// P54: Iframe caching.
#[tokio::test]
async fn every_version_is_the_same_page() {
    let server = server().await;
    let paths = [
        "/echo/iframe.html",
        "/echo/iframe-.html",
        "/echo/iframe-a.html",
        "/echo/iframe-0.1.2.html",
        "/echo/iframe-0.1.2abc-dirty.2144.html",
        "/echo/iframe-0.1.2-x_y.html",
        "/echo/iframe0.html",
        "/echo/iframe.html/",
        "/echo/iframe.html?t=qweqweq123",
        "/echo/iframe-1.6.1.html?src=https://evil.example/x.js",
    ];

    let mut tags = Vec::new();
    for path in paths {
        let response = server.get(path).send().await;

        assert_eq!(response.status, 200, "{path}");
        assert_eq!(
            response.header("content-type"),
            Some("text/html; charset=UTF-8"),
            "{path}"
        );
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(response.header("set-cookie"), None, "{path}");
        assert_cached_for_a_year(&response);
        tags.push(tag(&response));
        assert_eq!(
            response.text().await,
            PAGE.replace("SOCKJS_URL", SCRIPT),
            "{path}"
        );
    }
    tags.dedup();
    assert_eq!(tags.len(), 1, "{tags:?}");
}

#[tokio::test]
async fn default_script_is_a_client_of_the_same_protocol() {
    let server = Server::echo(|layer| layer).await;

    let page = server.get("/echo/iframe.html").send().await.text().await;

    let (start, end) = PAGE.split_once("SOCKJS_URL").unwrap();
    let url = page
        .strip_prefix(start)
        .and_then(|page| page.strip_suffix(end))
        .unwrap();
    assert!(
        url.starts_with("https://cdn.jsdelivr.net/npm/sockjs-client@1"),
        "{url}"
    );
}

/// P54: Iframe caching.
#[tokio::test]
async fn the_tag_depends_on_the_content_only() {
    let one = server().await.get("/echo/iframe.html").send().await;
    let same = server().await.get("/echo/iframe-1.html").send().await;
    let other = Server::echo(|layer| layer.sockjs_url("/other.js")).await;
    let other = other.get("/echo/iframe.html").send().await;

    assert_eq!(tag(&one), tag(&same));
    assert_ne!(tag(&one), tag(&other));
}

/// P54: Iframe caching.
#[tokio::test]
async fn a_known_tag_is_answered_with_304() {
    let server = server().await;
    let mut connection = server.connect().await;
    let response = connection.get("/echo/iframe.html").send().await;
    let tag = tag(&response);
    response.bytes().await;

    let known = [
        tag.clone(),
        format!(r#""x", {tag}"#),
        format!("W/{tag}"),
        "*".to_owned(),
    ];
    for known in known {
        let request = connection
            .get("/echo/iframe-1.html")
            .header("If-None-Match", &known);
        let response = request.send().await;

        assert_eq!(response.status, 304, "{known}");
        assert_eq!(response.header("content-type"), None, "{known}");
        assert_eq!(response.header("set-cookie"), None, "{known}");
        assert_eq!(response.header("etag"), Some(&*tag), "{known}");
        response.end().await;
    }

    for unknown in [r#""x""#, "x", "", &tag[1..tag.len() - 1]] {
        let request = connection
            .get("/echo/iframe.html")
            .header("If-None-Match", unknown);
        let response = request.send().await;
        assert_eq!(response.status, 200, "{unknown}");
        response.bytes().await;
    }
}

/// P4: Methods.
#[tokio::test]
async fn head_has_the_headers_of_get() {
    let server = server().await;
    let mut connection = server.connect().await;

    let response = connection.request("HEAD", "/echo/iframe.html").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=UTF-8")
    );
    assert_cached_for_a_year(&response);
    tag(&response);
    response.end().await;

    assert_eq!(
        connection.get("/echo").send().await.text().await,
        "Welcome to SockJS!\n"
    );
}

/// P54: Iframe caching.
#[tokio::test]
async fn with_allowed_origins_the_page_is_checked_every_time() {
    let configure = |layer: SockJsLayer| layer.allowed_origins(["https://app.example"]);
    let server = Server::echo(configure).await;

    let response = server.get("/echo/iframe.html").send().await;

    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    assert_eq!(response.header("expires"), None);
    tag(&response);
}
