use std::rc::Rc;

use sockjs_axum::{Session, SockJsLayer};

async fn handler(mut session: Session) {
    let held_across_await = Rc::new(1);
    session.recv().await;
    drop(held_across_await);
}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
