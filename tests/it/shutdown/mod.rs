//! Shutdown of a mount: every session is closed, the rest is cut off at the deadline.

mod graceful;
mod runtime;

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::FromRequestParts};
use futures_util::{FutureExt as _, pin_mut};
use http::request::Parts;
use sockjs_axum::{Cause, Ending, Session, SessionState, ShutdownOutcome, SockJsLayer, Transport};
use support::{
    Client, Clock, Direct, Frozen, Server, Sessions, Wire, ending, unique_path, until, within,
};
use tokio::sync::{Notify, mpsc, oneshot};

const DEADLINE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn counts(shutdown: ShutdownOutcome) -> (usize, usize, usize) {
    (shutdown.sessions, shutdown.cut, shutdown.undelivered)
}

async fn expect_going_away(client: &mut Client) {
    client.expect_close(1001, "Going away").await;
}

fn assert_shut_down(ending: &Ending, undelivered: usize) {
    let (code, reason) = (ending.reason().code(), ending.reason().reason());
    assert_eq!((code, reason), (1001, "Going away"));
    assert_eq!(ending.cause(), Cause::ShuttingDown);
    assert_eq!(ending.undelivered(), undelivered);
}

#[tokio::test]
async fn waiting_messages_are_delivered_before_the_close() {
    let mut bench = Frozen::start().await;
    let mut open = Vec::new();
    for &transport in Transport::ALL {
        open.push(bench.open(transport).await);
    }
    for (_, session) in &open {
        for message in ["1", "2", "3"] {
            session.try_send(message).unwrap();
        }
    }

    let shutdown = bench.handle.shutdown(DEADLINE);
    let clients = async {
        for (client, session) in &mut open {
            assert_eq!(client.messages(3).await, ["1", "2", "3"]);
            expect_going_away(client).await;
            assert_shut_down(&ending(session).await, 0);
        }
    };
    let (shutdown, ()) = tokio::join!(shutdown, clients);

    // No time had to pass for that.
    assert_eq!(counts(shutdown), (7, 0, 0));
    assert!(bench.handle.is_empty());
}

#[tokio::test]
async fn a_session_that_is_being_closed_keeps_the_code_of_the_application() {
    let mut bench = Frozen::start().await;
    let mut open = Vec::new();
    for &transport in Transport::ALL {
        open.push(bench.open(transport).await);
    }

    bench.handle.close_all(3001, "A new version is coming");
    let shutdown = bench.handle.shutdown(DEADLINE);
    let clients = async {
        for (client, session) in &mut open {
            client.expect_close(3001, "A new version is coming").await;
            assert_eq!(ending(session).await.cause(), Cause::ClosedByApp);
        }
    };
    let (shutdown, ()) = tokio::join!(shutdown, clients);

    assert_eq!(shutdown.cut, 0);
}

/// P60: No room.
#[tokio::test]
async fn new_sessions_are_503_and_everything_else_goes_on() {
    let mut bench = Frozen::start().await;
    let (mut absent, session) = bench.open(Transport::Xhr).await;
    let server = &bench.server;
    let shutdown = bench.handle.shutdown(DEADLINE);
    pin_mut!(shutdown);
    assert_eq!(shutdown.as_mut().now_or_never(), None);

    for _ in 0..2 {
        let websockets = ["/echo/websocket", "/echo/000/abc/websocket"];
        let requests = websockets.map(|path| server.websocket(path).request());
        let receives = Wire::ALL.map(|wire| server.peer().receive(wire));
        for request in requests.into_iter().chain(receives) {
            let line = request.line();
            let response = request.send().await;
            assert_eq!(response.status, 503, "{line}");
            assert_eq!(
                response.text().await,
                "The server is shutting down.",
                "{line}"
            );
        }
        for (path, status) in [("/echo", 200), ("/echo/info", 503), ("/elsewhere", 404)] {
            assert_eq!(server.get(path).send().await.status, status, "{path}");
        }
    }
    assert_eq!(session.state(), SessionState::Closing);
    assert_eq!(absent.http().0.send_status(r#"["x"]"#).await, 404);
    assert_eq!(shutdown.as_mut().now_or_never(), None);

    expect_going_away(&mut absent).await;

    let shutdown = within("its end", shutdown).await;
    assert_eq!(counts(shutdown), (1, 0, 0));
    // A mount that was shut down does not start again.
    let response = bench.server.peer().receive(Wire::Xhr).send().await;
    assert_eq!(response.status, 503);
}

#[tokio::test]
async fn without_sessions_there_is_nothing_to_wait_for() {
    let bench = Frozen::start().await;

    for _ in 0..3 {
        let shutdown = bench.handle.shutdown(DEADLINE).now_or_never();
        assert_eq!(shutdown.map(counts), Some((0, 0, 0)));
    }
}

#[tokio::test]
async fn a_second_shutdown_waits_as_well() {
    let mut bench = Frozen::start().await;
    let (mut client, _session) = bench.open(Transport::Jsonp).await;
    let (one, two) = (bench.handle.clone(), bench.handle.clone());
    let (one, two) = (one.shutdown(DEADLINE), two.shutdown(DEADLINE));
    pin_mut!(one, two);
    assert_eq!(one.as_mut().now_or_never(), None);
    assert_eq!(two.as_mut().now_or_never(), None);

    expect_going_away(&mut client).await;

    assert_eq!(counts(within("its end", one).await), (1, 0, 0));
    within("its end", two).await;
    let shutdown = bench.handle.shutdown(DEADLINE).now_or_never();
    assert_eq!(shutdown.map(counts), Some((0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_at_the_deadline_is_told_the_reason() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let handle = layer.handle();
    let direct = Direct::new(layer);
    let path = unique_path("/echo") + "/xhr";
    assert_eq!(direct.post(&path).await, "o\n");
    let session = sessions.next().await;
    let poll = direct.post(&path);
    pin_mut!(poll);
    assert_eq!(poll.as_mut().now_or_never(), None);

    // The deadline has passed before the poll takes the close frame.
    let shutdown = handle.shutdown(Duration::ZERO);
    pin_mut!(shutdown);
    assert_eq!(shutdown.as_mut().now_or_never(), None);
    assert_eq!(session.state(), SessionState::Closed);

    assert_eq!(poll.await, "c[1001,\"Going away\"]\n");
    drop(session);
    assert_eq!(counts(shutdown.await), (1, 1, 0));
}

#[tokio::test]
async fn a_dropped_shutdown_has_closed_all_sessions_and_can_be_called_again() {
    let mut bench = Frozen::start().await;
    let (mut client, session) = bench.open(Transport::Xhr).await;

    assert_eq!(bench.handle.shutdown(SECOND).now_or_never(), None);

    assert_eq!(session.state(), SessionState::Closing);
    bench.clock.advance(SECOND * 2).await;
    // This is longer than the deadline.
    assert_eq!(session.state(), SessionState::Closing);
    expect_going_away(&mut client).await;
    let shutdown = within("its end", bench.handle.shutdown(DEADLINE)).await;
    assert_eq!(shutdown.cut, 0);
}

#[tokio::test]
async fn a_session_between_two_polls_is_told_or_ends_after_the_disconnect_delay() {
    for wire in [Wire::Xhr, Wire::Jsonp] {
        let mut bench = Frozen::start().await;
        let (mut returns, one) = bench.open(wire.transport()).await;
        let (_absent, other) = bench.open(wire.transport()).await;
        for session in [&one, &other] {
            session.try_send("1").unwrap();
            session.try_send("2").unwrap();
        }
        let handle = bench.handle.clone();
        let shutdown = tokio::spawn(async move { handle.shutdown(DEADLINE).await });

        bench.clock.advance(SECOND * 4).await;
        assert_eq!(returns.messages(2).await, ["1", "2"]);
        expect_going_away(&mut returns).await;
        assert_shut_down(&ending(&one).await, 0);
        assert_eq!(other.state(), SessionState::Closing);
        assert!(!shutdown.is_finished());
        bench.clock.advance(SECOND * 2).await;

        assert_shut_down(&ending(&other).await, 2);
        let shutdown = within("its end", shutdown).await.unwrap();
        assert_eq!(counts(shutdown), (2, 0, 2));
    }
}

#[tokio::test]
async fn a_session_between_two_polls_is_cut_off_at_a_deadline_before_that() {
    let mut bench = Frozen::start().await;
    let (mut client, session) = bench.open(Transport::Xhr).await;
    session.try_send("1").unwrap();
    let handle = bench.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(SECOND * 2).await });

    bench.clock.advance(SECOND).await;
    assert_eq!(session.state(), SessionState::Closing);
    assert!(!shutdown.is_finished());
    bench.clock.advance(SECOND * 2).await;

    let shutdown = within("its end", shutdown).await.unwrap();
    assert_eq!(counts(shutdown), (1, 1, 1));
    assert_shut_down(&ending(&session).await, 1);
    // The client still gets the close frame while the server runs.
    let close = client.http().0.poll().await;
    assert_eq!(close, "c[1001,\"Going away\"]\n");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_at_the_deadline() {
    for transport in [Transport::WebSocket, Transport::RawWebSocket] {
        let mut bench = Frozen::start().await;
        let (client, session) = bench.open(transport).await;
        // One message may wait, however long; this one does not fit into the sockets.
        session.try_send("x".repeat(32 << 20)).unwrap();
        let handle = bench.handle.clone();
        let shutdown = tokio::spawn(async move { handle.shutdown(SECOND * 10).await });

        bench.clock.advance(SECOND * 9).await;
        assert_eq!(session.state(), SessionState::Closing);
        assert!(!shutdown.is_finished());
        bench.clock.advance(SECOND * 2).await;

        let shutdown = within("its end", shutdown).await.unwrap();
        assert_eq!(counts(shutdown), (1, 1, 1), "{transport:?}");
        assert_shut_down(&ending(&session).await, 1);
        client.gone().await;
    }
}

/// Tells when it is dropped.
#[derive(Clone, Debug)]
struct Gone(mpsc::UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        // A test that has its answer does not listen any more.
        self.0.send(()).ok();
    }
}

#[tokio::test]
async fn a_handler_that_never_returns_is_cut_off_at_the_deadline_and_reported() {
    for &transport in Transport::ALL {
        let clock = Clock::freeze();
        let (tx, mut gone) = mpsc::unbounded_channel();
        let handler = move |session: Session| {
            let gone = Gone(tx.clone());
            async move {
                session.closed().await;
                pending::<()>().await;
                drop(gone);
            }
        };
        let layer = SockJsLayer::new("/echo").on_session(handler);
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.attach().await;
        let shutdown = tokio::spawn({
            let handle = handle.clone();
            async move { handle.shutdown(SECOND * 10).await }
        });

        // The session ends well; its handler does not.
        client.expect_told(1001, "Going away").await;
        until("the session's end", || handle.is_empty()).await;
        clock.advance(SECOND * 9).await;
        assert!(gone.is_empty() && !shutdown.is_finished());
        clock.advance(SECOND * 2).await;

        let shutdown = within("its end", shutdown).await.unwrap();
        assert_eq!(counts(shutdown), (1, 1, 0), "{transport:?}");
        within("the handler's end", gone.recv()).await;
    }
}

#[tokio::test]
async fn a_handler_may_finish_its_work_before_the_deadline() {
    let bench = Clock::freeze();
    let (finish, finished) = oneshot::channel::<()>();
    let finished = Arc::new(Mutex::new(Some(finished)));
    let handler = move |mut session: Session| {
        let finished = finished.lock().unwrap().take().expect("one session");
        async move {
            while session.recv().await.is_some() {}
            assert_shut_down(&session.closed().await, 0);
            finished.await.unwrap();
        }
    };
    let layer = SockJsLayer::new("/echo").on_session(handler);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut client = Client::open(server.addr(), "/echo", Transport::EventSource).await;
    let shutdown = handle.shutdown(DEADLINE);
    pin_mut!(shutdown);
    assert_eq!(shutdown.as_mut().now_or_never(), None);
    expect_going_away(&mut client).await;
    until("the session's end", || handle.is_empty()).await;
    bench.advance(SECOND * 59).await;
    assert_eq!(shutdown.as_mut().now_or_never(), None);

    finish.send(()).unwrap();

    assert_eq!(counts(within("its end", shutdown).await), (1, 0, 0));
}

/// Where requests wait for the test before they open a session.
#[derive(Clone, Debug, Default)]
struct Gate {
    reached: Arc<Notify>,
    opened: Arc<Notify>,
}

struct Passed;

impl FromRequestParts<Gate> for Passed {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, gate: &Gate) -> Result<Self, Infallible> {
        gate.reached.notify_one();
        gate.opened.notified().await;
        Ok(Self)
    }
}

#[tokio::test]
async fn a_session_that_is_opening_is_waited_for_and_closed() {
    for &transport in Transport::ALL {
        let _clock = Clock::freeze();
        let gate = Gate::default();
        let layer = SockJsLayer::new("/echo")
            .on_session(async |_: Passed, session: Session| drop(session.closed().await))
            .with_state(gate.clone());
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        let opening = tokio::spawn(Client::open(server.addr(), "/echo", transport));
        within("the request", gate.reached.notified()).await;

        let shutdown = handle.shutdown(DEADLINE);
        pin_mut!(shutdown);
        assert_eq!(shutdown.as_mut().now_or_never(), None);
        gate.opened.notify_one();

        let mut client = within("the session", opening).await.unwrap();
        expect_going_away(&mut client).await;
        let shutdown = within("its end", shutdown).await;
        assert_eq!((shutdown.cut, shutdown.undelivered), (0, 0));
    }
}
