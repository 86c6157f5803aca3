//! How sessions end: every cause, on every transport where it can occur, and who hears of it.

mod closed;
mod errors;
mod handlers;
mod undelivered;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use sockjs_axum::{
    Cause::{self, *},
    Ending, Session, SessionState, SockJsHandle, SockJsLayer,
    Transport::{self, *},
    TrySendError,
};
use support::{Client, Clock, Frame, Opcode, Server, ending, received, within};
use tokio::sync::{mpsc, oneshot};

const HTTP: &[Transport] = &[Xhr, XhrStreaming, EventSource, HtmlFile, Jsonp];
const STREAMING: &[Transport] = &[XhrStreaming, EventSource, HtmlFile];
const WEBSOCKETS: &[Transport] = &[WebSocket, RawWebSocket];

/// Where each cause can occur, the code and reason that the application is told, and how many
/// messages were not delivered then.
const TABLE: &[(Cause, &[Transport], u16, &str, usize)] = &[
    (ClosedByApp, Transport::ALL, 3000, "Go away!", 0),
    (ClosedByClient, WEBSOCKETS, 4321, "Over and out", 0),
    (ReceiverLost, Transport::ALL, 1002, INTERRUPTED, 0),
    (DisconnectTimeout, HTTP, 1002, INTERRUPTED, 0),
    (HeartbeatTimeout, &[WebSocket], 3000, NO_RESPONSE, 0),
    // One message waits. Another one is written in part, or is with hyper, which takes a slice of a
    // response whole.
    (SlowClient, STREAMING, 1002, INTERRUPTED, 2),
    (SlowClient, WEBSOCKETS, 1002, INTERRUPTED, 2),
    (LimitExceeded, WEBSOCKETS, 1009, "Message too long", 0),
    (ProtocolError, &[WebSocket], 1007, "Broken framing.", 0),
    (ProtocolError, &[RawWebSocket], 1002, "Protocol error", 0),
    (HandlerFailed, Transport::ALL, 1011, "Internal error", 0),
    (HandlerPanicked, Transport::ALL, 1011, "Internal error", 0),
    (ShuttingDown, Transport::ALL, 1001, "Going away", 0),
];

const INTERRUPTED: &str = "Connection interrupted";
const NO_RESPONSE: &str = "No response from heartbeat";

/// The defaults of the options, up to the grain of the timer.
const HEARTBEAT_DELAY: Duration = Duration::from_secs(25);
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
const DISCONNECT_DELAY: Duration = Duration::from_secs(5);

const MOMENT: Duration = Duration::from_millis(1);

/// One session of a server with default delays, whose clock stands still.
struct Bench<'c> {
    clock: &'c Clock,
    server: Server,
    handle: SockJsHandle,
    client: Client,
    session: Session,
    /// Makes the handler fail. If this is dropped, the handler returns.
    fail: oneshot::Sender<Failure>,
}

#[derive(Debug)]
enum Failure {
    Error,
    Panic,
}

impl<'c> Bench<'c> {
    async fn open(
        clock: &'c Clock,
        transport: Transport,
        configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
    ) -> Self {
        let (fail, fails) = oneshot::channel();
        let fails = Arc::new(Mutex::new(Some(fails)));
        let (tx, mut sessions) = mpsc::unbounded_channel();
        let handler = move |session: Session| {
            let fails = fails.lock().expect("nobody panics with it").take();
            tx.send(session).ok();
            async move {
                let fails = fails.expect("one session");
                match fails.await {
                    Ok(Failure::Error) => Err("a test's error"),
                    Ok(Failure::Panic) => panic!("a test's panic"),
                    Err(_) => Ok(()),
                }
            }
        };
        let layer = SockJsLayer::new("/echo").message_limit(1000);
        let layer = configure(layer).on_session(handler);
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        let client = Client::open(server.addr(), "/echo", transport).await;
        let session = within("a session", sessions.recv()).await;
        Self {
            clock,
            server,
            handle,
            client,
            session: session.expect("the handler has it"),
            fail,
        }
    }

    /// Ends the session, and lets the client see the end if it can.
    async fn bring_about(self, cause: Cause) -> Session {
        let Self {
            clock,
            server,
            handle,
            mut client,
            mut session,
            fail,
        } = self;
        let fail = matches!(cause, HandlerFailed | HandlerPanicked).then_some(fail);
        match cause {
            ClosedByApp => {
                client.attach().await;
                session.close(3000, "Go away!");
                client.expect_close(3000, "Go away!").await;
            }
            ClosedByClient => {
                let socket = client.socket();
                let close = Frame::close(4321, "Over and out");
                socket.send(close.clone()).await;
                assert_eq!(socket.frame().await, close);
                socket.ended().await;
            }
            ReceiverLost => {
                client.attach().await;
                client.reset();
            }
            DisconnectTimeout => {
                clock.advance(DISCONNECT_DELAY - MOMENT).await;
                assert_eq!(session.state(), SessionState::Open);
                clock.advance(MOMENT * 2).await;
            }
            HeartbeatTimeout => {
                clock.advance(HEARTBEAT_DELAY + MOMENT).await;
                client.socket().expect("h").await;
                assert_eq!(client.socket().frame().await.opcode, Opcode::Ping);
                clock.advance(PONG_TIMEOUT - MOMENT).await;
                assert_eq!(session.state(), SessionState::Open);
                clock.advance(MOMENT * 2).await;
                client.expect_close(3000, NO_RESPONSE).await;
            }
            SlowClient => send_until_closed(clock, &session).await,
            LimitExceeded => {
                client.send(&"x".repeat(1000)).await;
                assert_eq!(received(&mut session).await.len(), 1000);
                client.send(&"x".repeat(1001)).await;
                let socket = client.socket();
                socket.expect_close(1009, "Message too long").await;
            }
            ProtocolError if client.transport() == WebSocket => {
                client.socket().send_text("[5]").await;
                client.socket().expect_close(1007, "Broken framing.").await;
            }
            ProtocolError => {
                client.socket().write(Frame::text("x").unmasked()).await;
                client.socket().expect_close(1002, "Protocol error").await;
            }
            HandlerFailed | HandlerPanicked => {
                client.attach().await;
                let failure = if cause == HandlerFailed {
                    Failure::Error
                } else {
                    Failure::Panic
                };
                fail.map(|fail| fail.send(failure));
                client.expect_close(1011, "Internal error").await;
            }
            ShuttingDown => {
                client.attach().await;
                let told = client.expect_close(1001, "Going away");
                tokio::join!(handle.shutdown(MOMENT), told);
            }
            other => panic!("no way to {other:?}"),
        }
        drop(server);
        session
    }
}

/// Sends to a client that takes nothing, and lets time pass.
async fn send_until_closed(clock: &Clock, session: &Session) {
    let message = "x".repeat(100_000);
    // The sockets take some megabytes. Whatever they do, it takes half a minute from there.
    for _ in 0..1000 {
        match session.try_send(&*message) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => clock.advance(Duration::from_secs(1)).await,
            Err(_) => return,
        }
    }
    panic!("the session goes on");
}

fn told(ending: &Ending) -> (Cause, u16, &str) {
    let reason = ending.reason();
    (ending.cause(), reason.code(), reason.reason())
}

/// P63: Close codes.
#[tokio::test]
async fn each_cause_is_told_on_each_transport_where_it_can_occur() {
    let clock = Clock::freeze();
    for (cause, transports, code, reason, undelivered) in TABLE {
        for transport in *transports {
            println!("{cause:?} on {transport:?}");
            let configure = |layer: SockJsLayer| match cause {
                // The client of a stream that ends after each frame is absent, as after a poll.
                DisconnectTimeout => layer.response_limit(1),
                // One message may wait.
                SlowClient => layer.send_buffer(1).response_limit(usize::MAX),
                _ => layer,
            };
            let bench = Bench::open(&clock, *transport, configure).await;

            let mut session = bench.bring_about(*cause).await;

            let ending = ending(&session).await;
            assert_eq!(told(&ending), (*cause, *code, *reason));
            let counted = match ending.undelivered() {
                // hyper may have taken the last slice of a frame.
                1 if *cause == SlowClient && STREAMING.contains(transport) => 2,
                counted => counted,
            };
            assert_eq!(counted, *undelivered);
            assert_eq!(session.state(), SessionState::Closed);
            assert_eq!(within("the end", session.recv()).await, None);
            assert!(session.send("too late").await.is_err());
            assert_eq!(session.closed().await, ending, "it does not change");
        }
    }
}
