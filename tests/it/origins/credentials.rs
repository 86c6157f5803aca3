//! Handlers see the headers `Cookie` and `Authorization` only if an allowed page must have made the
//! browser send them.
//!
//! A page that makes a browser open a session chooses the session id, and its author can then join
//! the session from anywhere. So a link, an image or a script must not open a session with the
//! user's credentials.

use axum::http::{HeaderMap, request::Parts};
use sockjs_axum::{AllowedOrigins, Session, SockJsLayer};
use support::{Opening, Server, Wire, unique_path, within};
use tokio::sync::mpsc;

use super::{APP, Fields, with};

/// A server that tells the test what its handlers see.
struct Watched {
    server: Server,
    seen: mpsc::UnboundedReceiver<[HeaderMap; 3]>,
}

impl Watched {
    async fn start(configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone) -> Self {
        let (tx, seen) = mpsc::unbounded_channel();
        let handler = async move |headers: HeaderMap, parts: Parts, session: Session| {
            let seen = [headers, parts.headers, session.headers().clone()];
            tx.send(seen).expect("the test waits");
        };
        let server = Server::echo(|layer| configure(layer.on_session(handler))).await;
        Self { server, seen }
    }

    /// Opens a session with credentials; returns whether its handler saw them.
    async fn shows(&mut self, opening: Opening, fields: Fields<'_>) -> bool {
        let case = format!("{opening:?}, {fields:?}");
        let path = opening.path(&unique_path("/echo"));
        let request = opening.request(&self.server, &path);
        let request = request
            .header("Cookie", "login=alice")
            .header("Authorization", "Bearer token")
            .header("Cookie", "theme=dark")
            .header("X-Other", "other");
        let response = with(request, fields).send().await;
        assert_eq!(response.status, opening.status(), "{case}");

        let seen = within("the handler", self.seen.recv()).await;
        let shown = seen.expect("the layer lives").map(|headers| {
            assert_eq!(headers["x-other"], "other", "{case}");
            let cookies: Vec<_> = headers.get_all("cookie").iter().collect();
            let authorization: Vec<_> = headers.get_all("authorization").iter().collect();
            // Either all credentials are visible, or none.
            if cookies.is_empty() && authorization.is_empty() {
                return false;
            }
            assert_eq!(cookies, ["login=alice", "theme=dark"], "{case}");
            assert_eq!(authorization, ["Bearer token"], "{case}");
            true
        });
        // In every way to read them.
        assert!(
            shown == [true; 3] || shown == [false; 3],
            "{case}: {shown:?}"
        );
        shown[0]
    }
}

/// Every combination of headers about its origin with which a request is allowed.
const EVIDENCE: [Fields<'static>; 6] = [
    &[("Origin", APP)],
    &[("Origin", APP), ("Sec-Fetch-Site", "cross-site")],
    &[HOST, ("Sec-Fetch-Site", "same-origin")],
    &[HOST, ("Sec-Fetch-Site", "none")],
    &[("Referer", "https://app.example/page")],
    &[HOST],
];

/// The server's name, which is that of an allowed origin.
const HOST: (&str, &str) = ("Host", "app.example");

/// Requests that a page can make a browser send without naming the page's origin.
const SILENT: [Opening; 3] = [
    Opening::Http(Wire::EventSource),
    Opening::Http(Wire::HtmlFile),
    Opening::Http(Wire::Jsonp),
];

/// Requests that browsers always send with `Origin`. Without `Origin` the sender is not a browser.
const TALKATIVE: [Opening; 4] = [
    Opening::Http(Wire::Xhr),
    Opening::Http(Wire::XhrStreaming),
    Opening::WebSocket,
    Opening::RawWebSocket,
];

#[tokio::test]
async fn credentials_are_hidden_if_every_origin_is_allowed() {
    let unrestricted: [fn(SockJsLayer) -> SockJsLayer; 4] = [
        |layer| layer,
        |layer| layer.allow_null_origin(true),
        |layer| layer.allowed_origins(AllowedOrigins::any()),
        |layer| layer.disable_cors(true),
    ];

    for configure in unrestricted {
        let mut watched = Watched::start(configure).await;
        for opening in Opening::ALL {
            for fields in EVIDENCE {
                let shown = watched.shows(opening, fields).await;
                assert!(!shown, "{opening:?}, {fields:?}");
            }
        }
    }
}

#[tokio::test]
async fn credentials_are_shown_for_pages_of_allowed_origins() {
    let restricted: [fn() -> AllowedOrigins; 2] = [
        || AllowedOrigins::from([APP]),
        || AllowedOrigins::predicate(|origin, _| origin == APP),
    ];

    for origins in restricted {
        let mut watched = Watched::start(|layer| layer.allowed_origins(origins())).await;
        for opening in Opening::ALL {
            let origin: Fields<'static> = &[("Origin", APP)];
            assert!(watched.shows(opening, origin).await, "{opening:?}");
        }
    }
}

#[tokio::test]
async fn credentials_are_shown_for_requests_that_the_client_makes_on_own_pages() {
    let mut watched = Watched::start(|layer| layer.allowed_origins([APP])).await;

    for (opening, fields) in [
        (
            Opening::Http(Wire::EventSource),
            &[
                HOST,
                ("Sec-Fetch-Site", "same-origin"),
                ("Sec-Fetch-Mode", "cors"),
                ("Sec-Fetch-Dest", "empty"),
            ],
        ),
        (
            Opening::Http(Wire::HtmlFile),
            &[
                HOST,
                ("Sec-Fetch-Site", "same-origin"),
                ("Sec-Fetch-Mode", "navigate"),
                ("Sec-Fetch-Dest", "iframe"),
            ],
        ),
        (
            Opening::Http(Wire::Jsonp),
            &[
                HOST,
                ("Sec-Fetch-Site", "same-origin"),
                ("Sec-Fetch-Mode", "no-cors"),
                ("Sec-Fetch-Dest", "script"),
            ],
        ),
    ] {
        assert!(watched.shows(opening, fields).await, "{opening:?}");
    }
}

#[tokio::test]
async fn credentials_are_shown_for_requests_that_no_browser_makes() {
    let mut watched = Watched::start(|layer| layer.allowed_origins([APP])).await;

    for opening in TALKATIVE {
        assert!(watched.shows(opening, &[]).await, "{opening:?}");
    }
}

#[tokio::test]
async fn credentials_are_hidden_for_requests_that_any_page_can_make() {
    // A page with `Referrer-Policy: no-referrer`, on a server without TLS or in an old browser, can
    // load these as a script, an image or a frame. Nothing tells them from those of a program.
    let mut watched = Watched::start(|layer| layer.allowed_origins([APP])).await;

    for opening in SILENT {
        assert!(!watched.shows(opening, &[HOST]).await, "{opening:?}");
    }
}

#[tokio::test]
async fn credentials_are_hidden_for_navigations() {
    // A browser opens a link from a mail or a chat with all cookies and `Sec-Fetch-Site: none`.
    let mut watched = Watched::start(|layer| layer.allowed_origins([APP])).await;
    let from_outside: Fields<'static> = &[
        HOST,
        ("Sec-Fetch-Site", "none"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-User", "?1"),
    ];

    for opening in SILENT {
        assert!(!watched.shows(opening, from_outside).await, "{opening:?}");
    }
}

#[tokio::test]
async fn credentials_are_hidden_for_links_and_images_in_an_allowed_page() {
    // Users may put links and images into an allowed page; their requests come from that page.
    let mut watched = Watched::start(|layer| layer.allowed_origins([APP])).await;
    let contents: [Fields<'static>; 4] = [
        &[
            HOST,
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "document"),
        ],
        &[
            HOST,
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Mode", "no-cors"),
            ("Sec-Fetch-Dest", "image"),
        ],
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "no-cors"),
            ("Sec-Fetch-Dest", "image"),
            ("Referer", "https://app.example/forum"),
        ],
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "document"),
            ("Referer", "https://app.example/forum"),
        ],
    ];

    for opening in SILENT {
        for fields in contents {
            assert!(
                !watched.shows(opening, fields).await,
                "{opening:?}, {fields:?}"
            );
        }
    }
}

#[tokio::test]
async fn credentials_are_hidden_for_pages_with_a_null_origin() {
    // Any page can make a sandboxed frame, whose origin is `null`: that names nobody.
    let mut watched =
        Watched::start(|layer| layer.allowed_origins([APP]).allow_null_origin(true)).await;

    for opening in Opening::ALL {
        let null: Fields<'static> = &[("Origin", "null")];
        assert!(!watched.shows(opening, null).await, "{opening:?}");
        let origin: Fields<'static> = &[("Origin", APP)];
        assert!(watched.shows(opening, origin).await, "{opening:?}");
    }
}

#[tokio::test]
async fn functions_in_the_options_always_see_credentials() {
    // These functions belong to the operator, and their results stay in the server.
    let cookie = sockjs_axum::JSessionId::custom(|parts| {
        let cookie = parts.headers.get("cookie")?.to_str().ok()?;
        cookie.strip_prefix("node=").map(str::to_owned)
    });
    let (tx, mut bound) = mpsc::unbounded_channel();
    let server = Server::echo(|layer| {
        layer.jsessionid(cookie).bind_session(move |parts| {
            let authorization = parts.headers.get("authorization").cloned();
            tx.send(authorization.clone()).expect("the test waits");
            authorization
        })
    })
    .await;

    let request = server.peer().post("xhr").header("Cookie", "node=7");
    let response = request.header("Authorization", "Bearer token").send().await;

    let cookie = response.header("set-cookie");
    assert_eq!(cookie, Some("JSESSIONID=7; path=/"));
    let key = within("the key", bound.recv()).await.flatten();
    assert_eq!(key.expect("it is shown"), "Bearer token");
}
