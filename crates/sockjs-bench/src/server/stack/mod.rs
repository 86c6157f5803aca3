//! The stack alone: axum, hyper and tungstenite, used as well as we can.
//!
//! Every server on this stack pays for what happens here, so it is what ours is measured against. It
//! is no SockJS: it answers the generator's clients with the bytes they expect, and knows no JSON, no
//! heartbeats, no limits, no end of a session and no errors. Where sessions are opened and closed, it
//! greets them with a frame as SockJS does, because a frame is a write and a packet for everybody.

mod http;
mod websocket;

use axum::Router;
use axum::routing::{get, post};

pub(crate) fn app() -> Router {
    let http = Router::new()
        .route("/echo/{server}/{session}/xhr", post(http::xhr))
        .route(
            "/echo/{server}/{session}/xhr_streaming",
            post(http::xhr_streaming),
        )
        .route(
            "/echo/{server}/{session}/eventsource",
            get(http::eventsource),
        )
        .route("/echo/{server}/{session}/xhr_send", post(http::xhr_send))
        .with_state(http::Sessions::default());
    let websocket = Router::new()
        .route("/echo/websocket", get(websocket::echo))
        .route(
            "/greeted/{server}/{session}/websocket",
            get(websocket::greeted),
        )
        .route("/broadcast/websocket", get(websocket::broadcast))
        .with_state(websocket::Room::default());
    let topics = Router::new()
        .route("/topics/websocket", get(websocket::topic))
        .with_state(websocket::Room::default());
    http.merge(websocket).merge(topics)
}
