// A body can be extracted, but not from the head of a request.
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_body: String, _session: Session) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
