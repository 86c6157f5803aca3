use sockjs_axum::{Session, SockJsLayer};

async fn handler(_session: Session) -> u32 {
    0
}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
