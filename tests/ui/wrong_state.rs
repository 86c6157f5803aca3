use axum::extract::State;
use sockjs_axum::{Session, SockJsLayer};

async fn handler(_: State<u32>, _session: Session) {}

fn main() {
    let _: SockJsLayer = SockJsLayer::<String>::new("/echo").on_session(handler).with_state(String::new());
}
