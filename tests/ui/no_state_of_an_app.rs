// The state is a part of another one, so that the compiler cannot know which of them is missing.
use axum::Router;
use axum::extract::{FromRef, State};
use sockjs_axum::{Session, SockJsLayer};

#[derive(Clone)]
struct App(Rooms);

#[derive(Clone)]
struct Rooms;

impl FromRef<App> for Rooms {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

async fn handler(State(_): State<Rooms>, _: Session) {}

fn main() {
    let _: Router = Router::new().layer(SockJsLayer::new("/echo").on_session(handler));
}
