//! How many extractors there may be, in what order they run, and what state they draw from.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{FromRef, FromRequestParts, State},
    http::request::Parts,
};
use sockjs_axum::{Session, SockJsLayer};
use support::{Opening, Server, Wire, unique_path};
use tokio::sync::mpsc;

use super::next;

/// Knows as how many-th of its handler's extractors it ran.
#[derive(Clone, Copy, Debug)]
struct Turn(usize);

impl<S: Sync> FromRequestParts<S> for Turn {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let Self(before) = parts.extensions.get().copied().unwrap_or(Self(0));
        let turn = Self(before + 1);
        parts.extensions.insert(turn);
        Ok(turn)
    }
}

/// A layer whose sessions tell in which order their extractors ran.
macro_rules! layer {
    ($($turn:ident)*) => {
        SockJsLayer::new("/echo").on_session(async |$($turn: Turn,)* mut session: Session| {
            let turns: Vec<usize> = vec![$($turn.0),*];
            session.send_json(&turns).await.expect("the session is open");
            session.recv().await;
        })
    };
}

#[tokio::test]
async fn up_to_eight_extractors_run_in_order() {
    let layers: [SockJsLayer; 9] = [
        layer!(),
        layer!(a),
        layer!(a b),
        layer!(a b c),
        layer!(a b c d),
        layer!(a b c d e),
        layer!(a b c d e f),
        layer!(a b c d e f g),
        layer!(a b c d e f g h),
    ];

    for (count, layer) in layers.into_iter().enumerate() {
        let server = Server::start(Router::new().layer(layer)).await;
        let mut receiver = server.peer().receiver(Wire::EventSource);
        receiver.expect("o").await;
        let message = receiver.messages(1).await.remove(0);

        let turns: Vec<usize> = serde_json::from_str(&message).expect("numbers");
        let in_order: Vec<usize> = (1..=count).collect();
        assert_eq!(turns, in_order, "{count} extractors");
    }
}

/// State with a part that a handler asks for by itself.
#[derive(Clone, Debug)]
struct App {
    name: &'static str,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Limit(u32);

impl FromRef<App> for Limit {
    fn from_ref(app: &App) -> Self {
        app.limit
    }
}

#[tokio::test]
async fn state_may_be_taken_in_parts() {
    let (tx, mut seen) = mpsc::unbounded_channel();
    let handler = async move |State(app): State<App>, State(limit): State<Limit>, _: Session| {
        tx.send((app.name, limit)).expect("the test waits");
    };
    let app = App {
        name: "app",
        limit: Limit(7),
    };
    // Options may be set before and after the handler and its state.
    let layer = SockJsLayer::new("/echo")
        .response_limit(1)
        .on_session(handler)
        .max_sessions(1000)
        .with_state(app)
        .jsessionid(true);
    let server = Server::start(Router::new().layer(layer)).await;

    for opening in Opening::ALL {
        let path = opening.path(&unique_path("/echo"));
        let response = opening.request(&server, &path).send().await;
        assert_eq!(response.status, opening.status(), "{opening:?}");
        assert_eq!(next(&mut seen).await, ("app", Limit(7)), "{opening:?}");
    }
}

#[tokio::test]
async fn the_clients_address_is_that_of_its_connection() {
    type Client = axum::extract::ConnectInfo<std::net::SocketAddr>;
    let (tx, mut seen) = mpsc::unbounded_channel();
    let handler = async move |addr: Client, _: Session| {
        tx.send(addr.0).expect("the test waits");
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;

    for opening in Opening::ALL {
        let path = opening.path(&unique_path("/echo"));
        let mut response = opening.request(&server, &path).send().await;
        let addr = response.connection().local_addr();
        assert_eq!(next(&mut seen).await, addr, "{opening:?}");
    }
}
