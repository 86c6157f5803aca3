// Handlers that are taken, so that the other cases fail for the reason they name.
use std::error::Error;
use std::fmt;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, Method, Uri};
use sockjs_axum::{SendError, Session, SockJsLayer};

async fn plain(_session: Session) {}

async fn with_extractors(_: State<u32>, _: HeaderMap, _session: Session) {}

async fn with_eight(
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Uri,
    _: Uri,
    _: Uri,
    _: HeaderMap,
    _session: Session,
) {
}

#[derive(Clone)]
struct App(u32);

impl FromRef<App> for u32 {
    fn from_ref(app: &App) -> Self {
        app.0
    }
}

#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl Error for Failed {}

async fn sends(session: Session) -> Result<(), SendError> {
    session.send("x").await
}

async fn fails(_: Session) -> Result<(), Failed> {
    Err(Failed)
}

async fn fails_boxed(session: Session) -> Result<(), Box<dyn Error + Send + Sync>> {
    session.send("x").await?;
    Err(Failed.into())
}

async fn fails_with_text(_: HeaderMap, _: Session) -> Result<(), String> {
    Err("failed".to_owned())
}

async fn never_returns(session: Session) -> ! {
    session.closed().await;
    std::process::abort()
}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(plain);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(async |_: Session| {});
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(|_: Session| async { panic!() });
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(with_eight);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(with_extractors).with_state(1);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(sends);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(fails);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(fails_boxed);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(fails_with_text);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(never_returns);

    // The state is inferred, where there is only one.
    let _: Router = Router::new().layer(SockJsLayer::new("/echo").on_session(plain));
    let _: Router = Router::new().layer(SockJsLayer::new("/echo").on_session(with_eight));
    let _: Router = Router::new()
        .layer(SockJsLayer::new("/echo").on_session(with_extractors).with_state(App(1)));
    let service = SockJsLayer::new("/echo").on_session(sends).into_service();
    let _: Router = Router::new().fallback_service(service);
    let layer = SockJsLayer::new("/echo").on_session(plain);
    layer.handle();
    let _: Router = Router::new().layer(layer);
}
