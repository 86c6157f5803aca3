//! Which pages may embed the iframe page. A script in the iframe page acts from the server's own
//! origin, so that checking origins would not be enough.

use sockjs_axum::{AllowedOrigins, SockJsLayer};
use support::{Response, Server};

use super::{APP, EVIL};

const PAGE: &str = "/echo/iframe-1.6.1.html";

fn policies<'a>(response: &'a Response<'_>) -> Vec<&'a str> {
    response.headers.all("content-security-policy")
}

async fn policy(origins: impl Into<AllowedOrigins> + Clone + Clone) -> String {
    let server = Server::echo(|layer| layer.allowed_origins(origins)).await;
    let page = server.get(PAGE).send().await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    policy.expect("a policy").to_owned()
}

#[tokio::test]
async fn the_policy_lists_the_allowed_origins() {
    assert_eq!(policy([APP]).await, "frame-ancestors https://app.example");
    assert_eq!(
        policy([APP, "http://localhost:8080"]).await,
        "frame-ancestors https://app.example http://localhost:8080"
    );
}

#[tokio::test]
async fn files_are_a_scheme_in_the_policy() {
    // `file://` is not a source of a policy, and `file:` is.
    assert_eq!(
        policy([APP, "file://"]).await,
        "frame-ancestors https://app.example file:"
    );
}

#[tokio::test]
async fn the_policy_is_none_for_an_empty_list() {
    let nobody: [&str; 0] = [];

    assert_eq!(policy(nobody).await, "frame-ancestors 'none'");
}

#[tokio::test]
async fn the_policy_is_self_for_a_predicate() {
    let origins = AllowedOrigins::predicate(|_, _| true);

    assert_eq!(policy(origins).await, "frame-ancestors 'self'");
}

#[tokio::test]
async fn there_is_no_policy_if_every_origin_is_allowed() {
    let unrestricted: [fn(SockJsLayer) -> SockJsLayer; 3] = [
        |layer| layer,
        |layer| layer.allowed_origins(AllowedOrigins::any()),
        |layer| {
            layer
                .allowed_origins([APP])
                .allowed_origins(AllowedOrigins::any())
        },
    ];

    for configure in unrestricted {
        let server = Server::echo(configure).await;
        let page = server.get(PAGE).send().await;
        assert!(policies(&page).is_empty(), "{page:?}");
        assert_eq!(page.header("x-frame-options"), None);
    }
}

#[tokio::test]
async fn the_policy_does_not_list_null() {
    let server = Server::echo(|layer| layer.allowed_origins([APP]).allow_null_origin(true)).await;

    let page = server.get(PAGE).send().await;

    assert_eq!(policies(&page), ["frame-ancestors https://app.example"]);
}

#[tokio::test]
async fn every_answer_of_the_page_has_the_policy() {
    let server = Server::echo(|layer| layer.allowed_origins([APP])).await;
    let expected = ["frame-ancestors https://app.example"];

    for origin in [APP, EVIL, "null"] {
        let page = server.get(PAGE).header("Origin", origin).send().await;
        assert_eq!(page.status, 200);
        assert_eq!(policies(&page), expected);
        let tag = page.header("etag").expect("a tag").to_owned();

        // A browser also applies the headers of a 304.
        let known = server.get("/echo/iframe.html").header("If-None-Match", tag);
        let known = known.header("Origin", origin).send().await;
        assert_eq!(known.status, 304);
        assert_eq!(policies(&known), expected);
        // Otherwise browsers would allow a removed origin for another year.
        assert_eq!(known.header("cache-control"), Some("no-cache"));

        let head = server.request("HEAD", PAGE).send().await;
        assert_eq!(policies(&head), expected);
    }
    for path in ["/echo", "/echo/info", "/echo/000/abc/eventsource"] {
        let response = server.get(path).send().await;
        assert!(policies(&response).is_empty(), "{path}");
    }
}
