use sockjs_axum::SockJsLayer;

async fn handler() {}

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session(handler);
}
