use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_: HeaderMap, State(_): State<u32>, _: Session) {}

fn main() {
    let layer = SockJsLayer::new("/echo").on_session(handler);
    let _: Router = Router::new().layer(layer);
}
