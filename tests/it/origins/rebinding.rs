//! DNS rebinding: a stranger's name leads to this server. To the browser, the stranger's pages are
//! then pages of the server's own.

use std::sync::{Arc, Mutex};

use sockjs_axum::{AllowedOrigins, SockJsLayer};
use support::{Http2, Opening, Server, Wire};

use super::{APP, Fields, guarded, with};

/// What a browser says about a page of the origin `http://evil.com` that asks `evil.com`.
const REBOUND: [Fields<'static>; 4] = [
    &[("Sec-Fetch-Site", "same-origin")],
    &[("Sec-Fetch-Site", "none")],
    &[
        ("Sec-Fetch-Site", "same-origin"),
        ("Referer", "http://evil.com/page"),
    ],
    &[("Referer", "http://evil.com/page")],
];

/// What a script of that page can add.
const LIES: [Fields<'static>; 3] = [
    &[],
    &[("X-Forwarded-Host", "app.example")],
    &[("Forwarded", "host=app.example")],
];

/// The openings that a browser requests without `Origin`.
const SILENT: [Opening; 3] = [
    Opening::Http(Wire::EventSource),
    Opening::Http(Wire::HtmlFile),
    Opening::Http(Wire::Jsonp),
];

fn restrictions() -> [AllowedOrigins; 2] {
    [
        AllowedOrigins::from([APP]),
        AllowedOrigins::predicate(|origin, _| origin == APP),
    ]
}

#[tokio::test]
async fn a_page_under_a_strange_name_of_the_server_is_refused() {
    for origins in restrictions() {
        let (server, sessions) =
            Server::capture(|layer| layer.allowed_origins(origins.clone())).await;
        let peer = server.peer();
        for host in ["evil.com", "evil.com:80", "app.example.evil.com", ""] {
            for (evidence, lies) in REBOUND.iter().flat_map(|it| LIES.map(|lies| (it, lies))) {
                for guarded in guarded(&server, &peer) {
                    let case = format!("{}, {host}, {evidence:?}, {lies:?}", guarded.name);
                    let request = with(with(guarded.request, evidence), lies).host(host);
                    assert_eq!(request.send().await.status, 403, "{case}");
                }
            }
        }
        assert!(sessions.is_empty(), "no session was opened");
    }
}

#[tokio::test]
async fn a_silent_request_under_a_strange_name_is_refused_where_browsers_are_silent() {
    // Over `http`, browsers send no `Sec-Fetch-Site`, and a page can turn `Referer` off.
    for origins in restrictions() {
        let (server, mut sessions) =
            Server::capture(|layer| layer.allowed_origins(origins.clone())).await;
        for opening in SILENT {
            for (host, status) in [("evil.com", 403), ("app.example", 200)] {
                let path = opening.path(&support::unique_path("/echo"));
                let request = opening.request(&server, &path).host(host);
                assert_eq!(request.send().await.status, status, "{opening:?}, {host}");
            }
            sessions.next().await;
            assert!(sessions.is_empty(), "{opening:?}");
        }
        // Health checks name the server by its address, and learn nothing.
        let check = server.get("/echo/info").host("127.0.0.1:8080");
        assert_eq!(check.send().await.status, 200);
    }
}

#[tokio::test]
async fn over_http2_a_page_under_a_strange_name_is_refused() {
    let server = Server::echo(|layer| layer.allowed_origins([APP])).await;
    let client = Http2::connect(server.addr()).await;

    for path in [
        "info",
        "0/a/eventsource",
        "0/b/htmlfile?c=cb",
        "0/c/jsonp?c=cb",
    ] {
        for evidence in REBOUND {
            let mut request = http::Request::get(format!("https://evil.com/echo/{path}"));
            for (name, value) in evidence {
                request = request.header(*name, *value);
            }
            // It has less to say than `:authority`.
            let request = request.header("Host", "app.example").body(());
            let response = client.send(request.expect("a valid request")).await;
            assert_eq!(response.status(), 403, "{path}, {evidence:?}");
        }
    }
}

#[tokio::test]
async fn the_servers_name_is_compared_with_its_port() {
    let server = Server::echo(|layer| {
        layer.allowed_origins([APP, "http://localhost:3000", "https://other.example:8443"])
    })
    .await;

    for (host, status) in [
        ("app.example", 200),
        ("APP.example", 200),
        ("app.example:443", 200),
        ("app.example:80", 403),
        ("app.example:3000", 403),
        ("localhost:3000", 200),
        ("localhost", 403),
        ("localhost:3001", 403),
        ("other.example:8443", 200),
        ("other.example", 403),
        ("user@app.example", 403),
    ] {
        let request = server.get("/echo/info").host(host);
        let request = request.header("Sec-Fetch-Site", "same-origin");
        assert_eq!(request.send().await.status, status, "{host}");
    }
    let several = server.get("/echo/info").host("app.example");
    let several = several.header("Host", "app.example");
    let several = several.header("Sec-Fetch-Site", "same-origin").send().await;
    assert!([400, 403].contains(&several.status));
}

#[tokio::test]
async fn a_predicate_is_asked_about_the_servers_name_with_both_schemes() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = asked.clone();
    let origins = AllowedOrigins::predicate(move |origin, _| {
        let origin = origin.to_str().expect("tests send text").to_owned();
        record.lock().expect("nobody panics with it").push(origin);
        false
    });
    let server = Server::echo(|layer: SockJsLayer| layer.allowed_origins(origins)).await;

    let request = server.get("/echo/info").host("App.example");
    let request = request.header("Sec-Fetch-Site", "same-origin");
    assert_eq!(request.send().await.status, 403);
    assert_eq!(
        *asked.lock().expect("nobody panics with it"),
        ["https://app.example", "http://app.example"]
    );
}
