use axum::http::Method as M;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _session: Session) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
