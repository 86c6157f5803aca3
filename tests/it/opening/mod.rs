//! How a request opens a session: its extractors run once, and accept or reject the request. The
//! module `extractors` tests what extractors see.

mod concurrent;
mod extractors;
mod once;
mod panics;
mod rejections;

use std::panic;

use axum::{
    Router,
    extract::{FromRef, FromRequestParts},
    http::{StatusCode, request::Parts},
};
use sockjs_axum::{Session, SockJsHandle, SockJsLayer};
use support::{PATIENCE, Server, within};
use tokio::sync::{mpsc, oneshot};

/// Who the client says it is, in the header `X-User`; whoever does not say is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
struct User(String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let user = parts.headers.get("x-user");
        let user = user.and_then(|user| user.to_str().ok());
        user.map(|user| Self(user.to_owned()))
            .ok_or((StatusCode::UNAUTHORIZED, "who are you?"))
    }
}

/// An extractor that the test holds: it waits for its verdict.
#[derive(Debug)]
struct Gate;

/// What a [`Gate`] is to do.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Accept,
    Refuse,
    Panic,
}

/// A request that waits in a [`Gate`]. Its channel closes when the request is given up.
type Waiting = oneshot::Sender<Verdict>;

#[derive(Clone, Debug)]
struct Gates(mpsc::UnboundedSender<Waiting>);

impl<S: Sync> FromRequestParts<S> for Gate
where
    Gates: FromRef<S>,
{
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let (tx, verdict) = oneshot::channel();
        Gates::from_ref(state).0.send(tx).expect("the test waits");
        match verdict.await.expect("the test decides") {
            Verdict::Accept => Ok(Self),
            Verdict::Refuse => Err((StatusCode::UNAUTHORIZED, "not you")),
            // As a panic, but without its words on the test's output.
            Verdict::Panic => panic::resume_unwind(Box::new("an extractor panics")),
        }
    }
}

/// A server whose sessions the test lets in, and then holds.
#[derive(Debug)]
struct Gated {
    server: Server,
    handle: SockJsHandle,
    waiting: mpsc::UnboundedReceiver<Waiting>,
    sessions: mpsc::UnboundedReceiver<Session>,
}

impl Gated {
    async fn start(configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone) -> Self {
        let (gates, waiting) = mpsc::unbounded_channel();
        let (tx, sessions) = mpsc::unbounded_channel();
        let layer = SockJsLayer::new("/echo")
            .disconnect_delay(PATIENCE)
            .heartbeat_delay(PATIENCE)
            .on_session(async move |_: Gate, session: Session| {
                tx.send(session).expect("the test holds sessions");
            })
            .with_state(Gates(gates));
        let layer = configure(layer);
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        Self {
            server,
            handle,
            waiting,
            sessions,
        }
    }

    /// Waits for a request to reach the gate.
    async fn waiting(&mut self) -> Waiting {
        next(&mut self.waiting).await
    }

    /// Lets the next request at the gate in.
    async fn accept(&mut self) {
        let waiting = self.waiting().await;
        waiting.send(Verdict::Accept).expect("the request waits");
    }

    /// Waits for the next session.
    async fn session(&mut self) -> Session {
        next(&mut self.sessions).await
    }
}

/// Waits for what a handler or an extractor hands to the test.
async fn next<T>(from: &mut mpsc::UnboundedReceiver<T>) -> T {
    let next = within("a request", from.recv()).await;
    next.expect("the layer lives")
}

/// Waits until all sessions have given back their places.
async fn none_left(handle: &SockJsHandle) {
    let vacated = async {
        while !handle.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within("the end of all sessions", vacated).await;
}
