use std::sync::Mutex;

use axum::extract::State;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(State(names): State<&'static Mutex<Vec<String>>>, mut session: Session) {
    let names_locked = names.lock().unwrap();
    session.recv().await;
    drop(names_locked);
}

fn main() {
    let _ = SockJsLayer::new("/echo").on_session(handler);
}
