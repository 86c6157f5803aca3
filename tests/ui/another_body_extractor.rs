// A body can be extracted, but not from the head of a request.
use axum::body::Bytes;
use axum::http::HeaderMap;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_: HeaderMap, _body: Bytes, _session: Session) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
