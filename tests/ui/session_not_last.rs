use axum::http::HeaderMap;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_session: Session, _: HeaderMap) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
