use axum::http::HeaderMap;
use sockjs_axum::SockJsLayer;

async fn handler(_: HeaderMap) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
