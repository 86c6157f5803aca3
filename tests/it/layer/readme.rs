//! What becomes of the lines in the section "Mounting" of `README.md`.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use sockjs_axum::{Session, SockJsLayer};
use support::Server;

use super::{assert_mounted, assert_not_mounted, echo, hello as index, hello as page, text};

const PAGE: &str = include_str!("../../../README.md");

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not found")
}

async fn fallback_of(server: &Server, path: &str) -> String {
    let response = server.get(path).send().await;
    assert_eq!(response.status, 404, "{path}");
    response.text().await
}

#[tokio::test]
async fn a_layer_that_comes_last_is_reached() {
    let sockjs = echo("/echo");

    let app = Router::new()
        .route("/", get(index))
        .fallback(not_found)
        .layer(sockjs);

    let server = Server::start(app).await;
    assert_mounted(&server, "/echo").await;
    assert_eq!(text(&server, "/").await, "hello");
    assert_eq!(fallback_of(&server, "/nothing").await, "not found");
}

#[tokio::test]
async fn a_layer_of_a_nested_router_without_a_fallback_is_not_reached() {
    let sockjs = echo("/echo");

    let app = Router::new().nest(
        "/api",
        Router::new().route("/page", get(page)).layer(sockjs),
    );

    let server = Server::start(app).await;
    assert_eq!(text(&server, "/api/page").await, "hello");
    assert_not_mounted(&server, "/api/echo").await;
    assert_not_mounted(&server, "/echo").await;
}

#[tokio::test]
async fn a_layer_before_the_fallback_is_not_reached() {
    let sockjs = echo("/echo");

    let app = Router::new()
        .route("/", get(index))
        .layer(sockjs)
        .fallback(not_found);

    let server = Server::start(app).await;
    assert_eq!(text(&server, "/").await, "hello");
    assert_not_mounted(&server, "/echo").await;
    assert_eq!(fallback_of(&server, "/echo/info").await, "not found");
}

#[tokio::test]
async fn a_nested_service_is_reached() {
    let app = Router::new().nest_service("/api/echo", SockJsLayer::echo("/").into_service());

    let server = Server::start(app).await;
    assert_mounted(&server, "/api/echo").await;
}

#[tokio::test]
async fn a_layer_with_a_state_is_reached() {
    async fn tell(State(rooms): State<&'static str>, session: Session) {
        session.try_send(rooms).expect("there is room");
    }
    let sockjs = SockJsLayer::new("/echo").on_session(tell);
    let rooms = "the state";

    let app: Router = Router::new().layer(sockjs.with_state(rooms));

    let server = Server::start(app).await;
    let peer = server.peer();
    peer.open().await;
    assert_eq!(peer.poll().await, "a[\"the state\"]\n");
}

/// The last line does not compile: `signatures` says what its error is.
#[test]
fn the_lines_are_those_of_the_readme() {
    let (_, section) = PAGE.split_once("\n## Mounting\n").expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("let "));
    let lines: Vec<_> = lines.map(without_spaces).collect();
    let tests = concat!(
        include_str!("readme.rs"),
        include_str!("../../ui/state_of_the_router.rs")
    );
    let tests = without_spaces(tests);

    assert_eq!(lines.len(), 6);
    for line in lines {
        assert!(tests.contains(&line), "{line}");
    }
}

/// Removes what rustfmt may change.
fn without_spaces(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    code.replace(",)", ")")
}
