//! The ways to configure allowed origins.

use std::{panic, sync::Arc, sync::Mutex};

use sockjs_axum::{AllowedOrigins, SockJsLayer};
use support::{Server, Wire, assert_cors};

use super::{APP, EVIL, Fields, with};

async fn status(server: &Server, fields: Fields<'_>) -> u16 {
    with(server.get("/echo/info"), fields).send().await.status
}

#[tokio::test]
async fn a_list_can_be_written_in_several_ways() {
    let owned = String::from(APP);
    let lists = [
        AllowedOrigins::from([APP]),
        AllowedOrigins::from([owned.clone()]),
        AllowedOrigins::from(vec![APP]),
        AllowedOrigins::from(vec![owned]),
        AllowedOrigins::list([APP].iter()),
        AllowedOrigins::list(format!("{EVIL}0 {APP}").split(' ')),
    ];

    for list in lists {
        let server = Server::echo(|layer| layer.allowed_origins(list)).await;
        assert_eq!(status(&server, &[("Origin", APP)]).await, 200);
        assert_eq!(status(&server, &[("Origin", EVIL)]).await, 403);
    }
}

#[tokio::test]
async fn an_empty_list_allows_no_page() {
    let nobody: [&str; 0] = [];
    let server = Server::echo(|layer| layer.allowed_origins(nobody)).await;

    for origin in [APP, EVIL, "null", "http://localhost"] {
        assert_eq!(
            status(&server, &[("Origin", origin)]).await,
            403,
            "{origin}"
        );
    }
    // The server's own pages are not in the list, either.
    let own = status(&server, &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(own.await, 403);
    // Programs name no page.
    assert_eq!(status(&server, &[]).await, 200);
}

#[tokio::test]
async fn the_last_call_counts() {
    let server = Server::echo(|layer| layer.allowed_origins([EVIL]).allowed_origins([APP])).await;

    assert_eq!(status(&server, &[("Origin", APP)]).await, 200);
    assert_eq!(status(&server, &[("Origin", EVIL)]).await, 403);
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    for origin in [
        "https://app.example",
        "http://app.example",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:3000",
        "https://xn--bcher-kva.example",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://9c1e5a66-41a8",
        "file://",
    ] {
        AllowedOrigins::list([origin]);
    }
}

#[test]
fn a_text_that_is_not_an_origin_panics() {
    let wrong = [
        "",
        "*",
        "null",
        "app.example",
        "//app.example",
        "://app.example",
        "https://",
        "https:app.example",
        "file:",
        "file:///",
        "File://",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?query",
        "https://app.example#fragment",
        "https://*.app.example",
        "https://*",
        "https://app.example ",
        " https://app.example",
        "https://app.example\n",
        "https://bücher.example",
        "https://app.example,https://other.example",
        // These would end up in the policy of the iframe page.
        "https://app.example; script-src *",
        "https://app.example;sandbox",
        "a;b://app.example",
        "'none'://app.example",
        "https://'none'",
    ];

    let taken: Vec<_> = wrong
        .into_iter()
        .filter(|origin| is_taken(origin))
        .collect();

    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn every_constructor_of_a_list_panics_alike() {
    let list = [APP, "*"];

    panic::catch_unwind(|| AllowedOrigins::list(list)).expect_err("a list");
    panic::catch_unwind(|| AllowedOrigins::from(list)).expect_err("an array");
    panic::catch_unwind(|| AllowedOrigins::from(list.to_vec())).expect_err("a vector");
    panic::catch_unwind(|| SockJsLayer::new("/").allowed_origins(list)).expect_err("the option");
}

#[test]
fn an_error_names_the_entry_that_is_not_an_origin() {
    let error = AllowedOrigins::try_list([APP, "https://app.example/"]).unwrap_err();

    assert_eq!(error.entry(), "https://app.example/");
    assert!(error.to_string().contains("\"https://app.example/\""));
    AllowedOrigins::try_list([APP]).expect("all are origins");
}

fn is_taken(origin: &str) -> bool {
    panic::catch_unwind(|| AllowedOrigins::list([origin])).is_ok()
}

#[test]
fn an_origin_that_no_browser_sends_panics() {
    // It would never match, and the mount would refuse all requests without a visible reason.
    let unusual = [
        "https://App.example",
        "HTTPS://app.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://user@app.example",
        "https://app.example:",
    ];

    let taken: Vec<_> = unusual
        .into_iter()
        .filter(|origin| is_taken(origin))
        .collect();

    assert!(taken.is_empty(), "{taken:?}");
}

#[tokio::test]
async fn a_predicate_sees_the_origin_and_the_request() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = asked.clone();
    let origins = AllowedOrigins::predicate(move |origin, parts| {
        let origin = origin.to_str().expect("tests send text").to_owned();
        let tenant = parts.headers.get("x-tenant");
        let tenant = tenant.and_then(|tenant| tenant.to_str().ok());
        let allowed = tenant.is_some_and(|tenant| origin == format!("https://{tenant}.example"));
        record.lock().expect("nobody panics with it").push(origin);
        allowed
    });
    let server = Server::echo(|layer| layer.allowed_origins(origins)).await;
    let red = "https://red.example";

    for (expected, fields) in [
        (200, &[("Origin", red), ("X-Tenant", "red")][..]),
        (403, &[("Origin", red), ("X-Tenant", "blue")]),
        (403, &[("Origin", red)]),
        (
            200,
            &[
                ("Referer", "https://red.example/a/b?c"),
                ("X-Tenant", "red"),
            ],
        ),
        (
            403,
            &[
                ("Referer", "https://red.example/a/b?c"),
                ("X-Tenant", "blue"),
            ],
        ),
    ] {
        asked.lock().expect("nobody panics with it").clear();
        let response = with(server.get("/echo/info"), fields).send().await;
        assert_eq!(response.status, expected, "{fields:?}");
        assert_eq!(
            *asked.lock().expect("nobody panics with it"),
            [red],
            "{fields:?}"
        );
    }
    for (expected, fields) in [
        // The predicate is not asked about requests without a single origin.
        (403, &[("Origin", "null")][..]),
        (
            403,
            &[("Origin", red), ("Origin", red), ("X-Tenant", "red")],
        ),
        (403, &[("Sec-Fetch-Site", "cross-site")]),
        (200, &[]),
    ] {
        asked.lock().expect("nobody panics with it").clear();
        assert_eq!(status(&server, fields).await, expected, "{fields:?}");
        assert!(
            asked.lock().expect("nobody panics with it").is_empty(),
            "{fields:?}"
        );
    }
}

#[tokio::test]
async fn a_predicate_guards_sessions_and_allows_their_origin() {
    let origins =
        AllowedOrigins::predicate(|origin, _| origin.as_bytes().ends_with(b".app.example"));
    let server = Server::echo(|layer| layer.allowed_origins(origins)).await;
    let allowed = "https://blue.app.example";

    for wire in Wire::ALL {
        let refused = server.peer().receive(wire).header("Origin", EVIL);
        assert_eq!(refused.send().await.status, 403, "{wire:?}");
        let response = server.peer().receive(wire).header("Origin", allowed);
        let response = response.send().await;
        assert_eq!(response.status, 200, "{wire:?}");
        if matches!(wire, Wire::Xhr | Wire::XhrStreaming | Wire::EventSource) {
            assert_cors(&response, Some(allowed));
        }
    }
    for path in ["/echo/000/abc/websocket", "/echo/websocket"] {
        let handshake = server.websocket(path);
        let refused = handshake.clone().header("Origin", EVIL).request();
        assert_eq!(refused.send().await.status, 403, "{path}");
        handshake.header("Origin", allowed).open().await;
    }
}

#[tokio::test]
async fn an_origin_that_is_not_plain_text_may_be_allowed_but_is_not_echoed() {
    let server =
        Server::echo(|layer| layer.allowed_origins(AllowedOrigins::predicate(|_, _| true))).await;

    for origin in [&b"https://caf\xe9"[..], b"https://a\tb", b"https://a b"] {
        let response = server.get("/echo/info").header("Origin", origin);
        let response = response.send().await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("access-control-allow-origin"), None);
        assert_eq!(response.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn null_is_decided_by_its_own_option() {
    let list: fn() -> AllowedOrigins = || AllowedOrigins::from([APP]);
    let predicate: fn() -> AllowedOrigins =
        || AllowedOrigins::predicate(|origin, _| origin == APP || origin == "null");
    let null: Fields<'static> = &[("Origin", "null")];

    for origins in [list, predicate] {
        for (allowed, expected) in [(None, 403), (Some(false), 403), (Some(true), 200)] {
            let server = Server::echo(|layer| {
                let layer = layer.allowed_origins(origins());
                match allowed {
                    Some(allowed) => layer.allow_null_origin(allowed),
                    None => layer,
                }
            })
            .await;
            let peer = server.peer();

            assert_eq!(status(&server, null).await, expected, "{allowed:?}");
            let response = with(peer.post("xhr"), null).send().await;
            assert_eq!(response.status, expected, "{allowed:?}");
            if expected == 200 {
                assert_cors(&response, Some("null"));
            }
            for path in ["/echo/000/abc/websocket", "/echo/websocket"] {
                let handshake = with(server.websocket(path).request(), null);
                let expected = if expected == 200 { 101 } else { 403 };
                assert_eq!(handshake.send().await.status, expected, "{allowed:?}");
            }
            // The option changes nothing else.
            assert_eq!(status(&server, &[("Origin", APP)]).await, 200);
            assert_eq!(status(&server, &[("Origin", EVIL)]).await, 403);
            assert_eq!(status(&server, &[("Origin", "NULL")]).await, 403);
            let several = &[("Origin", "null"), ("Origin", "null")];
            assert_eq!(status(&server, several).await, 403);
            assert_eq!(
                status(&server, &[("Sec-Fetch-Site", "cross-site")]).await,
                403
            );
        }
    }
}
