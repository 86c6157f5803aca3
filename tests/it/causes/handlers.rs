//! Handlers that return, panic, drop their session or give it away.

use std::{
    future::{Future, Ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::Router;
use sockjs_axum::{Cause, Session, SessionRef, SessionState, SockJsHandle, SockJsLayer, Transport};
use support::{Client, PATIENCE, Server, until, within};
use tokio::sync::{Notify, mpsc};

use super::told;

/// A server whose sessions are known to the test from outside only.
struct Bench {
    server: Server,
    handle: SockJsHandle,
}

impl Bench {
    async fn serve<F, Fut>(handler: F) -> Self
    where
        F: Fn(Session) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let layer = SockJsLayer::new("/echo").on_session(handler);
        let layer = layer.disconnect_delay(PATIENCE).heartbeat_delay(PATIENCE);
        Self {
            handle: layer.handle(),
            server: Server::start(Router::new().layer(layer)).await,
        }
    }

    async fn open(&self, transport: Transport) -> (Client, SessionRef) {
        let client = Client::open(self.server.addr(), "/echo", transport).await;
        // No other session is open at this time.
        until("the session", || !self.handle.is_empty()).await;
        let session = self.handle.sessions().next();
        (client, session.expect("it is open"))
    }
}

async fn assert_ended(session: &SessionRef, expected: (Cause, u16, &str)) {
    let ending = within("the session's end", session.closed()).await;
    assert_eq!(told(&ending), expected);
    assert_eq!(ending.undelivered(), 0);
}

const NORMAL: (Cause, u16, &str) = (Cause::ClosedByApp, 1000, "Normal closure");
const PANICKED: (Cause, u16, &str) = (Cause::HandlerPanicked, 1011, "Internal error");

#[tokio::test]
async fn a_handler_that_returns_closes_its_session_once_all_was_sent() {
    let returns = |mut session: Session| async move {
        let message = session.recv().await.expect("the client sends");
        session.try_send(message).expect("there is room");
    };
    let bench = Bench::serve(returns).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.echo("last").await;
        client.expect_close(1000, "Normal closure").await;
        assert_ended(&session, NORMAL).await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_closes_its_session_once_all_was_sent() {
    let panics = |mut session: Session| async move {
        let message = session.recv().await.expect("the client sends");
        session.try_send(message).expect("there is room");
        panic!("a test's panic");
    };
    let bench = Bench::serve(panics).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.echo("last").await;
        client.expect_close(1011, "Internal error").await;
        assert_ended(&session, PANICKED).await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_called_closes_its_session() {
    fn panics(_: Session) -> Ready<()> {
        panic!("a test's panic");
    }
    let bench = Bench::serve(panics).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(bench.server.addr(), "/echo", transport).await;
        client.expect_close(1011, "Internal error").await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

/// A value that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a test's panic, by a drop");
    }
}

#[tokio::test]
async fn a_panic_that_carries_a_value_that_panics_closes_its_session() {
    let panics = |session: Session| async move {
        let _session = session;
        std::panic::panic_any(Bomb);
    };
    let bench = Bench::serve(panics).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(bench.server.addr(), "/echo", transport).await;
        client.expect_close(1011, "Internal error").await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_dropped_closes_its_session() {
    /// A handler that has returned, and is dropped later.
    struct Returned(Bomb, Session);

    impl Future for Returned {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            assert_eq!(self.1.state(), SessionState::Open);
            Poll::Ready(())
        }
    }

    let bench = Bench::serve(|session| Returned(Bomb, session)).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(bench.server.addr(), "/echo", transport).await;
        client.expect_close(1011, "Internal error").await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_a_shutdown_drops_it_hurts_nobody() {
    let waits = |session: Session| async move {
        let _bomb = Bomb;
        session.closed().await;
        std::future::pending::<()>().await;
    };
    let bench = Bench::serve(waits).await;
    let mut clients = Vec::new();
    for &transport in Transport::ALL {
        let client = Client::open(bench.server.addr(), "/echo", transport).await;
        clients.push((client, transport));
    }
    until("all sessions", || bench.handle.len() == clients.len()).await;

    let shutdown = bench.handle.shutdown(Duration::from_millis(300));
    let read = async {
        for (client, _) in &mut clients {
            client.expect_close(1001, "Going away").await;
        }
    };
    within("the end", async { tokio::join!(shutdown, read) }).await;

    until("the end of all", || bench.handle.is_empty()).await;
}

#[tokio::test]
async fn a_handler_that_drops_its_session_closes_it_and_goes_on() {
    let go_on = Arc::new(Notify::new());
    let (tx, mut done) = mpsc::unbounded_channel();
    let drops = {
        let go_on = go_on.clone();
        move |mut session: Session| {
            let (go_on, tx) = (go_on.clone(), tx.clone());
            async move {
                session.recv().await;
                drop(session);
                go_on.notified().await;
                tx.send(()).ok();
            }
        }
    };
    let bench = Bench::serve(drops).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.attach().await;
        client.send("drop").await;
        assert_ended(&session, NORMAL).await;
        assert!(done.is_empty());
        go_on.notify_one();
        within("the handler's end", done.recv()).await;
        client.expect_close(1000, "Normal closure").await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

#[tokio::test]
async fn a_handler_that_outlives_its_session_holds_no_connection() {
    let go_on = Arc::new(Notify::new());
    let drops = {
        let go_on = go_on.clone();
        move |session: Session| {
            let go_on = go_on.clone();
            async move {
                drop(session);
                go_on.notified().await;
            }
        }
    };
    let bench = Bench::serve(drops).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(bench.server.addr(), "/echo", transport).await;
        // For a WebSocket this includes the end of the connection.
        client.expect_close(1000, "Normal closure").await;
        go_on.notify_one();
    }
}

#[tokio::test]
async fn a_handler_may_move_its_session_to_another_task() {
    let leaves = |mut session: Session| async move {
        let task = async move {
            while let Some(message) = session.recv().await {
                if message == "panic" {
                    panic!("a test's panic");
                }
                if message == "drop" {
                    break;
                }
                session.send(message).await.expect("the session is open");
            }
        };
        // It ends by itself.
        drop(tokio::spawn(task));
    };
    let bench = Bench::serve(leaves).await;

    for (last, expected) in [("drop", NORMAL), ("panic", PANICKED)] {
        for &transport in Transport::ALL {
            let (mut client, session) = bench.open(transport).await;
            for n in 0..10 {
                client.echo(&n.to_string()).await;
            }
            assert_eq!(session.state(), SessionState::Open);

            client.send(last).await;

            let (_, code, reason) = expected;
            client.expect_close(code, reason).await;
            assert_ended(&session, expected).await;
            until("its end", || bench.handle.is_empty()).await;
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics_after_its_session_changes_nothing() {
    let panics = |mut session: Session| async move {
        session.recv().await;
        session.close(3000, "Go away!");
        session.closed().await;
        panic!("a test's panic");
    };
    let bench = Bench::serve(panics).await;

    for &transport in Transport::ALL {
        let (mut client, session) = bench.open(transport).await;
        client.send("close").await;
        client.expect_close(3000, "Go away!").await;
        assert_ended(&session, (Cause::ClosedByApp, 3000, "Go away!")).await;
        until("its end", || bench.handle.is_empty()).await;
    }
}

#[tokio::test]
async fn a_handler_that_closes_and_then_panics_keeps_its_close_reason() {
    let panics = |session: Session| async move {
        session.close(3000, "Go away!");
        panic!("a test's panic");
    };
    let bench = Bench::serve(panics).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(bench.server.addr(), "/echo", transport).await;
        client.expect_close(3000, "Go away!").await;
    }
}
