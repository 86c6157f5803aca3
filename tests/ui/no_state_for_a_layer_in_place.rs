use axum::Router;
use axum::extract::State;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(State(_): State<u32>, _: Session) {}

fn main() {
    let _: Router<u32> = Router::new().layer(SockJsLayer::new("/echo").on_session(handler));
}
