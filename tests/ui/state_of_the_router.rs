use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(State(_): State<Arc<str>>, _: Session) {}

fn main() {
    let rooms: Arc<str> = "rooms".into();
    let sockjs = SockJsLayer::new("/echo").on_session(handler);
    let app: Router = Router::new().layer(sockjs).with_state(rooms);
    drop(app);
}
