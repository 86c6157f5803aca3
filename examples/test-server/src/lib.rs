//! The standard SockJS test server: the mounts that test suites and clients expect to find.
//!
//! | Mount | Behaviour |
//! |---|---|
//! | `/echo` | sends every message back; a small response limit, so that streams end often |
//! | `/disabled_websocket_echo` | the same without WebSockets |
//! | `/cookie_needed_echo` | the same with the `JSESSIONID` cookie |
//! | `/close` | closes every session at once |
//! | `/ticker` | sends `tick!` every second |
//! | `/broadcast` | sends each message to every session of the mount |
//! | `/amplify` | answers the number n with 2ⁿ characters |
//!
//! `GET /_stats` tells how many sessions the handlers hold, so that a test can see a close arrive.

mod handlers;
mod room;
mod stats;

use axum::{Json, Router, routing::get};
use sockjs_axum::SockJsLayer;

use crate::room::Room;
use crate::stats::Stats;

/// The URL of the JavaScript client that the iframe pages name unless told otherwise.
pub const DEFAULT_SOCKJS_URL: &str = "http://localhost:8080/lib/sockjs.js";

/// Returns the whole server, its iframe pages naming [`DEFAULT_SOCKJS_URL`].
pub fn app() -> Router {
    app_with_client(DEFAULT_SOCKJS_URL)
}

/// Returns the whole server, its iframe pages naming `sockjs_url`.
pub fn app_with_client(sockjs_url: &str) -> Router {
    let mut stats = Stats::default();

    let echo = SockJsLayer::new("/echo")
        .on_session(handlers::echo)
        .with_state(stats.mount("/echo"))
        .response_limit(4096);
    let disabled_websocket_echo = SockJsLayer::new("/disabled_websocket_echo")
        .on_session(handlers::echo)
        .with_state(stats.mount("/disabled_websocket_echo"))
        .websocket(false);
    let cookie_needed_echo = SockJsLayer::new("/cookie_needed_echo")
        .on_session(handlers::echo)
        .with_state(stats.mount("/cookie_needed_echo"))
        .jsessionid(true);
    let close = SockJsLayer::new("/close")
        .on_session(handlers::close)
        .with_state(stats.mount("/close"));
    let ticker = SockJsLayer::new("/ticker")
        .on_session(handlers::ticker)
        .with_state(stats.mount("/ticker"));
    let broadcast = SockJsLayer::new("/broadcast")
        .on_session(handlers::broadcast)
        .with_state(Room::new(stats.mount("/broadcast")));
    let amplify = SockJsLayer::new("/amplify")
        .on_session(handlers::amplify)
        .with_state(stats.mount("/amplify"));

    Router::new()
        .route("/_stats", get(move || async move { Json(stats.report()) }))
        .layer(echo.sockjs_url(sockjs_url))
        .layer(disabled_websocket_echo.sockjs_url(sockjs_url))
        .layer(cookie_needed_echo.sockjs_url(sockjs_url))
        .layer(close.sockjs_url(sockjs_url))
        .layer(ticker.sockjs_url(sockjs_url))
        .layer(broadcast.sockjs_url(sockjs_url))
        .layer(amplify.sockjs_url(sockjs_url))
}

// These belong to no crate, so their programs are compiled here, where their dependencies are.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrating-from-sockjs-node.md")]
struct Migrating;
