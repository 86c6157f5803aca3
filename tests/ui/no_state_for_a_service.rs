use axum::Router;
use axum::extract::State;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(State(_): State<u32>, _: Session) {}

fn main() {
    let service = SockJsLayer::new("/").on_session(handler).into_service();
    let _: Router = Router::new().nest_service("/echo", service);
}
