use axum::extract::State;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(State(_): State<u32>, _: Session) {}

fn main() {
    let _ = SockJsLayer::new("/").on_session(handler).with_state(String::new());
}
