//! The shutdown of a mount within that of axum's server, as the documentation of `SockJsHandle`
//! says.

use std::{future::pending, net::SocketAddr, time::Duration};

use axum::{Router, routing::get, serve::ListenerExt as _};
use futures_util::future::join_all;
use sockjs_axum::{Session, ShutdownOutcome, SockJsLayer, Transport};
use support::{Client, Clock, Connection, Wire, unique_path, until, within};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::oneshot,
    task::JoinHandle,
};

use super::{DEADLINE, SECOND, counts, expect_going_away};

const WEBSOCKETS: [Transport; 2] = [Transport::WebSocket, Transport::RawWebSocket];

/// A server as that documentation shows it.
struct Documented {
    addr: SocketAddr,
    signal: oneshot::Sender<()>,
    served: JoinHandle<ShutdownOutcome>,
}

impl Documented {
    async fn start(layer: SockJsLayer, deadline: Duration) -> Self {
        let handle = layer.handle();
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .layer(layer);
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let listener = listener.tap_io(|io| {
            io.set_nodelay(true).expect("the socket takes options");
        });
        let (signal, signalled) = oneshot::channel();
        let served = tokio::spawn(async move {
            let (tx, report) = oneshot::channel();
            let serve = axum::serve(listener, app).with_graceful_shutdown(async move {
                signalled.await.expect("the test gives the signal");
                tx.send(handle.shutdown(deadline).await).ok();
            });
            serve.await.expect("axum's server does not fail");
            report.await.expect("it waits for that")
        });
        Self {
            addr,
            signal,
            served,
        }
    }

    /// Sends the signal, waits until the server has ended, and returns the outcome of the shutdown.
    async fn stop(self) -> ShutdownOutcome {
        self.signal.send(()).expect("the server runs");
        let shutdown = within("the server's end", self.served).await;
        shutdown.expect("the server does not panic")
    }
}

/// Experiences the shutdown as an HTTP client with a kept-alive connection, which the server
/// closes.
async fn be_told_over_http(addr: SocketAddr, wire: Wire) {
    let path = format!("{}/{}", unique_path("/echo"), wire.endpoint());
    let mut connection = Connection::open(addr).await;
    let mut response = connection.request(wire.method(), &path).send().await;
    wire.expect_prelude(&mut response).await;
    response.expect(wire.frame("o")).await;
    if !wire.streams() {
        response.end().await;
        response = connection.request(wire.method(), &path).send().await;
    }
    response.expect(wire.frame(r#"c[1001,"Going away"]"#)).await;
    response.end().await;
    connection.ended().await;
}

/// Experiences the shutdown as a WebSocket client.
async fn be_told_over_websocket(addr: SocketAddr, transport: Transport) {
    let mut client = Client::open(addr, "/echo", transport).await;
    expect_going_away(&mut client).await;
}

#[tokio::test]
async fn a_hundred_sessions_of_every_transport_are_closed_and_nothing_is_left() {
    const EACH: usize = 15;
    let clock = Clock::freeze();
    let layer = SockJsLayer::new("/echo");
    let handle = layer.handle();
    let server = Documented::start(layer, DEADLINE).await;
    let addr = server.addr;

    let each = Wire::ALL.into_iter().cycle().take(5 * EACH);
    let http = each.map(|wire| be_told_over_http(addr, wire));
    let each = WEBSOCKETS.into_iter().cycle().take(2 * EACH);
    let websockets = each.map(|transport| be_told_over_websocket(addr, transport));
    let idle = async {
        let mut connection = Connection::open(addr).await;
        assert_eq!(connection.get("/").send().await.text().await, "hello");
        connection.ended().await;
    };
    let stop = async {
        until("all sessions", || handle.len() == 7 * EACH).await;
        server.stop().await
    };
    let (_, _, (), shutdown) = tokio::join!(join_all(http), join_all(websockets), idle, stop);

    // No time had to pass for that.
    assert_eq!(counts(shutdown), (7 * EACH, 0, 0));
    assert!(handle.is_empty());
    drop(clock);
    let alive = || Handle::current().metrics().num_alive_tasks();
    until("no task", || alive() == 0).await;
    assert!(TcpStream::connect(addr).await.is_err(), "somebody listens");
}

#[tokio::test]
async fn without_sessions_the_server_ends_at_once() {
    let _clock = Clock::freeze();
    let server = Documented::start(SockJsLayer::new("/echo"), DEADLINE).await;

    assert_eq!(counts(server.stop().await), (0, 0, 0));
}

/// A handler that does what its client asks for.
async fn be_difficult(mut session: Session) {
    match session.recv().await.as_deref() {
        // More than the sockets take.
        Some("flood") => session
            .try_send("x".repeat(32 << 20))
            .expect("into an empty buffer any fits"),
        Some("hang") => pending().await,
        _ => {}
    }
    session.closed().await;
}

#[tokio::test]
async fn sessions_that_do_not_end_are_cut_off_at_the_deadline() {
    let clock = Clock::freeze();
    let layer = SockJsLayer::new("/echo")
        .on_session(be_difficult)
        .disconnect_delay(DEADLINE);
    let handle = layer.handle();
    let server = Documented::start(layer, SECOND * 10).await;
    let addr = server.addr;
    let mut clients = Vec::new();
    for transport in WEBSOCKETS {
        let mut reads_nothing = Client::open(addr, "/echo", transport).await;
        reads_nothing.send("flood").await;
        reads_nothing.socket().readable().await;
        let mut hangs = Client::open(addr, "/echo", transport).await;
        hangs.send("hang").await;
        let answers_nothing = Client::open(addr, "/echo", transport).await;
        clients.extend([reads_nothing, hangs, answers_nothing]);
    }
    let _absent = Client::open(addr, "/echo", Transport::Xhr).await;
    until("all sessions", || handle.len() == 7).await;

    let stop = tokio::spawn(server.stop());
    clock.advance(SECOND * 9).await;
    let mut late = Connection::open(addr).await;
    assert_eq!(late.post("/echo/000/late/xhr").send().await.status, 503);
    assert!(!stop.is_finished());
    clock.advance(SECOND * 2).await;

    let shutdown = within("its end", stop).await.unwrap();
    assert_eq!((shutdown.sessions, shutdown.undelivered), (7, 2));
    for client in clients {
        client.gone().await;
    }
    drop(clock);
    let alive = || Handle::current().metrics().num_alive_tasks();
    until("no task", || alive() == 0).await;
}

/// The documented limit of `SockJsHandle::shutdown`: hyper holds the data that such a client has
/// not read, and a layer cannot reach the connection.
#[tokio::test]
async fn a_stream_that_is_not_read_ends_but_holds_axums_server_until_its_client_goes() {
    let clock = Clock::freeze();
    let layer = SockJsLayer::new("/echo").on_session(be_difficult);
    let handle = layer.handle();
    let server = Documented::start(layer, SECOND * 10).await;
    let mut client = Client::open(server.addr, "/echo", Transport::XhrStreaming).await;
    client.send("flood").await;

    let stop = tokio::spawn(server.stop());
    clock.advance(SECOND * 11).await;
    until("no session", || handle.is_empty()).await;
    assert!(!stop.is_finished());

    drop(client);
    let shutdown = within("its end", stop).await.unwrap();
    assert_eq!(shutdown.sessions, 1);
}
