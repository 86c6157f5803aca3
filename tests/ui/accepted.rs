// Handlers that are taken, so that the other cases fail for the reason they name.
use axum::extract::State;
use axum::http::HeaderMap;
use sockjs_axum::{Session, SockJsLayer};

async fn plain(_session: Session) {}

async fn with_extractors(_: State<u32>, _: HeaderMap, _session: Session) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(plain);
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(async |_: Session| {});
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(with_extractors).with_state(1);
}
