//! Handlers that return an error.

use std::{fmt, future::Future};

use axum::Router;
use sockjs_axum::{
    Cause, Ending, SendError, SendJsonError, Session, SessionRef, SockJsLayer, Transport,
    TrySendError,
};
use support::{Client, Server, until, within};
use tokio::sync::mpsc;

use super::told;

/// A server of one mount, and a reference to each of its sessions.
struct Bench {
    server: Server,
    sessions: mpsc::UnboundedReceiver<SessionRef>,
}

impl Bench {
    async fn serve<E, Fut>(handler: impl Fn(Session) -> Fut + Clone + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (tx, sessions) = mpsc::unbounded_channel();
        let layer = SockJsLayer::new("/echo").on_session(move |session: Session| {
            tx.send(session.session_ref().clone()).ok();
            handler(session)
        });
        Self {
            server: Server::start(Router::new().layer(layer)).await,
            sessions,
        }
    }

    async fn open(&mut self, transport: Transport) -> (Client, SessionRef) {
        let client = Client::open(self.server.addr(), "/echo", transport).await;
        let session = within("a session", self.sessions.recv()).await;
        (client, session.expect("the layer lives"))
    }
}

async fn ending(session: &SessionRef) -> Ending {
    within("the session's end", session.closed()).await
}

const FAILED: (Cause, u16, &str) = (Cause::HandlerFailed, 1011, "Internal error");

#[tokio::test]
async fn a_handler_that_fails_closes_its_session_once_all_was_sent() {
    let fails = |mut session: Session| async move {
        let message = session.recv().await.expect("the client sends");
        session.send(message).await.expect("the session is open");
        Err("a test's error")
    };
    let mut bench = Bench::serve(fails).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.echo("last").await;
        client.expect_close(1011, "Internal error").await;
        let ending = ending(&session).await;
        assert_eq!(told(&ending), FAILED);
        assert_eq!(ending.undelivered(), 0);
    }
}

#[tokio::test]
async fn a_handler_that_fails_at_once_closes_its_session() {
    let mut bench = Bench::serve(async |_: Session| Err("a test's error")).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.expect_close(1011, "Internal error").await;
        assert_eq!(told(&ending(&session).await), FAILED);
    }
}

#[tokio::test]
async fn a_handler_that_drops_its_session_and_then_fails_has_closed_it_before() {
    let fails = |mut session: Session| async move {
        session.recv().await;
        let other = session.session_ref().clone();
        drop(session);
        other.closed().await;
        Err("a test's error")
    };
    let mut bench = Bench::serve(fails).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.send("go").await;
        client.expect_close(1000, "Normal closure").await;
        let normal = (Cause::ClosedByApp, 1000, "Normal closure");
        assert_eq!(told(&ending(&session).await), normal);
    }
}

#[tokio::test]
async fn a_handler_that_closes_its_session_and_then_fails_keeps_its_close_reason() {
    let fails = |session: Session| async move {
        session.close(3000, "Go away!");
        Err("a test's error")
    };
    let mut bench = Bench::serve(fails).await;

    for &transport in Transport::ALL {
        let (mut client, _) = bench.open(transport).await;
        client.expect_close(3000, "Go away!").await;
    }
}

#[tokio::test]
async fn a_session_that_was_closed_ends_as_it_would_without_the_error() {
    async fn sends(session: Session) -> Result<(), SendError> {
        session.close(3000, "Go away!");
        session.send("too late").await
    }
    async fn tries_to_send(session: Session) -> Result<(), TrySendError> {
        session.close(3000, "Go away!");
        session.try_send("too late")
    }
    async fn sends_json(session: Session) -> Result<(), SendJsonError> {
        session.close(3000, "Go away!");
        session.send_json("too late").await
    }
    let expected = (Cause::ClosedByApp, 3000, "Go away!");
    for &transport in Transport::ALL {
        for mut bench in [
            Bench::serve(sends).await,
            Bench::serve(tries_to_send).await,
            Bench::serve(sends_json).await,
        ] {
            let (mut client, session) = bench.open(transport).await;
            client.expect_close(3000, "Go away!").await;
            assert_eq!(told(&ending(&session).await), expected);
        }
    }
}

#[tokio::test]
async fn a_message_that_finds_no_room_is_a_failure() {
    let fails = |session: Session| async move {
        // More than the send buffer has room for.
        session.try_send("x".repeat(2 << 20))?;
        session.try_send("x")
    };
    let mut bench = Bench::serve(fails).await;

    let (mut client, session) = bench.open(Transport::WebSocket).await;

    assert_eq!(client.messages(1).await[0].len(), 2 << 20);
    client.expect_close(1011, "Internal error").await;
    assert_eq!(told(&ending(&session).await), FAILED);
}

/// An error that panics when it is written.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a test's panic, by an error")
    }
}

impl std::error::Error for Unspeakable {}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a test's panic, by a drop");
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bomb")
    }
}

impl std::error::Error for Bomb {}

#[tokio::test]
async fn an_error_that_panics_harms_its_own_session_alone() {
    let panics = |mut session: Session| async move {
        let error: Box<dyn std::error::Error + Send + Sync> = match session.recv().await {
            Some(message) if message == "write" => Unspeakable.into(),
            _ => Bomb.into(),
        };
        Err(error)
    };
    let log = tracing_subscriber::fmt().with_writer(std::io::sink);
    let _log = tracing::subscriber::set_default(log.finish());
    let mut bench = Bench::serve(panics).await;

    for &transport in Transport::ALL {
        for (message, cause) in [
            ("write", Cause::HandlerPanicked),
            ("drop", Cause::HandlerFailed),
        ] {
            let (mut client, session) = bench.open(transport).await;
            client.send(message).await;
            client.expect_close(1011, "Internal error").await;
            assert_eq!(ending(&session).await.cause(), cause, "{message}");
        }
    }
}

#[tokio::test]
async fn a_handler_that_never_returns_may_say_so() {
    async fn never_returns(session: Session) -> ! {
        session.closed().await;
        std::future::pending().await
    }
    let layer = SockJsLayer::new("/echo").on_session(never_returns);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;

    handle.close_all(3000, "Go away!");

    client.expect_close(3000, "Go away!").await;
    until("the end", || handle.is_empty()).await;
}
