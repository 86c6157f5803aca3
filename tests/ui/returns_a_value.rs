use axum::http::HeaderMap;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_: HeaderMap, _session: Session) -> Result<u32, String> {
    Ok(0)
}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
