use sockjs_axum::SockJsLayer;

fn main() {
    let _: SockJsLayer = SockJsLayer::new("/echo").on_session("handler");
}
