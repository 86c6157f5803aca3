//! Which layer goes where.
//!
//! A layer that is added later is reached earlier, and each answers by itself or asks those within.
//! So what is added before the SockJS layer does not concern SockJS, and what is added after it
//! does.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{Method, StatusCode};
use axum::routing::get;
use axum::{Json, Router, middleware};
use sockjs_axum::{SockJsHandle, SockJsLayer, Transport};
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;

use crate::page::Client;
use crate::user::{User, Users};
use crate::{live, trace, user};

/// What differs from one place of operation to another.
pub(crate) struct Settings {
    /// The origins of our own pages, as browsers write them.
    pub(crate) origins: Vec<String>,
    /// The JavaScript client.
    pub(crate) client: Client,
}

pub(crate) fn app(settings: Settings) -> (Router, SockJsHandle) {
    let users = Users::new(&settings.origins);
    let sockjs = sockjs(&settings);
    let handle = sockjs.handle();

    // Before SockJS, and best on the routes it is for. SockJS itself says what its clients must hear
    // about origins, and to whom. This layer around it would put its own words in their place.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET]);
    let api = Router::new()
        .route("/sessions", get(sessions))
        .with_state(handle.clone())
        .layer(cors);

    let app = Router::new()
        .route("/login", get(user::is_logged_in).post(user::log_in))
        .with_state(users.clone())
        .merge(settings.client.routes())
        .nest("/api", api)
        // Before SockJS. A route that has not answered after this time never will, but a poll waits
        // until there is something to say, if only a heartbeat after 25 s.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .layer(sockjs)
        // After SockJS, or it would not be asked about sessions. It reads the cookie of each
        // request, and what it finds out goes on as an extension.
        .layer(middleware::from_fn_with_state(users, user::identify))
        // After SockJS or before. Here it makes polls smaller that bring much at once; streams are
        // marked so that it leaves them alone, and holds no frame back. Put it before if sessions
        // mix secrets with text from strangers: the size of what is compressed tells of its content.
        .layer(CompressionLayer::new())
        // Last, so around everything: it sees the status that the client sees.
        .layer(trace::layer());
    (app, handle)
}

fn sockjs(settings: &Settings) -> SockJsLayer {
    SockJsLayer::new("/live")
        .on_session(live::live)
        .sockjs_url(settings.client.url())
        // Users are known by a cookie, which a browser sends whatever page asks it to. So no page
        // but ours may ask.
        .allowed_origins(settings.origins.clone())
        // No jsonp and no htmlfile: they are loaded as scripts and frames, and old browsers do not
        // say by which page. Our own page has no use for raw WebSockets.
        .transports([
            Transport::WebSocket,
            Transport::XhrStreaming,
            Transport::EventSource,
            Transport::Xhr,
        ])
        // Who learns the id of a session, or made the user's browser open it under one, could join
        // it; but not as somebody else.
        .bind_session(|parts| Some(parts.extensions.get::<User>()?.id))
        .max_sessions(MAX_SESSIONS)
        // So that nobody takes all of them. Users may have several tabs and devices; who has no name
        // yet is one of the many with the same address.
        .max_sessions_per_key(MAX_SESSIONS_PER_USER, |parts| {
            let addr = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            let user = parts.extensions.get::<User>().cloned();
            user.ok_or_else(|| addr.map(|ConnectInfo(addr)| addr.ip()))
        })
}

/// How many sessions there are: public, and so what `CorsLayer` is for.
async fn sessions(State(handle): State<SockJsHandle>) -> Json<usize> {
    Json(handle.len())
}

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// What memory is there for: see `docs/limits.md`.
pub(crate) const MAX_SESSIONS: usize = 10_000;

const MAX_SESSIONS_PER_USER: usize = 100;
