use sockjs_axum::{Session, SockJsLayer};

fn handler(_session: Session) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
