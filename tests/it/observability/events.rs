//! A span for each session, an event when it opens and closes, and one for each request refused.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockjs_axum::{Session, SockJsLayer, Transport};
use support::{
    Client, Clock, Direct, Frame, Handshake, Server, Sessions, Wire, ending, received, unique_path,
    until,
};
use tracing::Level;

use super::{
    Bench, Limit,
    log::{Kind, Log, Record, SpanState},
    refusals,
};

fn id(span: &Record) -> u64 {
    match span.kind {
        Kind::Span { id, .. } => id,
        Kind::Event { .. } => panic!("{span:?}"),
    }
}

fn assert_within(event: &Record, span: &Record) {
    let within = Some(id(span));
    assert_eq!(event.kind, Kind::Event { within }, "{event:?}");
}

#[tokio::test]
async fn a_session_has_a_span_with_an_event_at_either_end() {
    for &transport in Transport::ALL {
        let log = Log::start();
        let mut bench = Bench::start().await;
        let mut client = Client::open(bench.server.addr(), "/echo", transport).await;
        let mut session = bench.sessions.next().await;

        let [span] = &log.sessions()[..] else {
            panic!("{:?}", log.sessions());
        };
        assert_eq!(span.level, Level::INFO);
        let fields = [
            ("id", session.id().to_string()),
            ("remote_addr", session.remote_addr().unwrap().to_string()),
            ("transport", transport.as_str().to_owned()),
        ];
        assert_eq!(span.fields, fields.into());
        let [opened] = &log.events("session opened")[..] else {
            panic!("{:?}", log.ours());
        };
        assert_eq!(opened.level, Level::DEBUG);
        assert_within(opened, span);

        client.send("x").await;
        assert_eq!(received(&mut session).await, "x");
        session.try_send("y").unwrap();
        assert_eq!(client.messages(1).await, ["y"]);
        assert!(log.events("session closed").is_empty());
        client.attach().await;
        session.close(3000, "Go away!");
        client.expect_close(3000, "Go away!").await;
        until("the end", || bench.handle.is_empty()).await;

        let [closed] = &log.events("session closed")[..] else {
            panic!("{:?}", log.ours());
        };
        assert_eq!(closed.level, Level::DEBUG);
        assert_within(closed, span);
        assert_eq!(closed.field("cause"), Some("closed_by_app"));
        assert_eq!(closed.field("code"), Some("3000"));
        assert_eq!(closed.field("undelivered"), Some("0"));
        assert_eq!(log.events("session opened").len(), 1);
        let closed =
            |it: &Record| matches!(it.kind, Kind::Span { state, .. } if state == SpanState::Closed);
        until("the end of the span", || log.sessions().iter().all(closed)).await;
        assert_eq!(log.sessions().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_without_an_address_has_no_remote_addr() {
    let log = Log::start();
    let direct = Direct::new(SockJsLayer::new("/echo"));

    direct.post(&format!("{}/xhr", unique_path("/echo"))).await;

    let [span] = &log.sessions()[..] else {
        panic!("{:?}", log.sessions());
    };
    assert_eq!(span.field("remote_addr"), None);
    assert!(span.field("id").is_some());
}

#[tokio::test]
async fn events_of_the_handler_are_in_the_span_of_its_session() {
    let log = Log::start();
    let handler = |mut session: Session| async move {
        tracing::info!(target: "sockjs_tests", "handler starts");
        session.recv().await;
        tracing::info!(target: "sockjs_tests", "handler goes on");
        session.close(3000, "Go away!");
        session.closed().await;
        tracing::info!(target: "sockjs_tests", "handler ends");
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;

    for &transport in Transport::ALL {
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.attach().await;
        client.send("x").await;
        client.expect_close(3000, "Go away!").await;
        let ended = || log.events("handler ends").len();
        until("its end", || ended() == log.sessions().len()).await;

        let span = log.sessions().pop().unwrap();
        for message in ["handler starts", "handler goes on", "handler ends"] {
            assert_within(&log.events(message).pop().unwrap(), &span);
        }
    }
}

/// Asserts how the end of the only session was logged.
fn assert_closed(log: &Log, level: Level, cause: &str, undelivered: Option<usize>) {
    let [closed] = &log.events("session closed")[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!((closed.level, closed.field("cause")), (level, Some(cause)));
    if let Some(undelivered) = undelivered {
        assert_eq!(closed.field("undelivered"), Some(&*undelivered.to_string()));
    }
    assert!(closed.field("code").is_some());
}

#[tokio::test]
async fn an_ordinary_end_is_logged_at_debug() {
    for cause in ["receiver_lost", "disconnect_timeout", "shutting_down"] {
        let log = Log::start();
        let clock = Clock::freeze();
        let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        let mut client = Client::open(server.addr(), "/echo", Transport::Xhr).await;
        let session = sessions.next().await;

        let undelivered = match cause {
            "receiver_lost" => {
                client.attach().await;
                client.reset();
                0
            }
            "disconnect_timeout" => {
                session.try_send("x").unwrap();
                clock.advance(Duration::from_secs(6)).await;
                1
            }
            _ => {
                session.try_send("x").unwrap();
                session.try_send("y").unwrap();
                let handle = handle.clone();
                tokio::spawn(async move { handle.shutdown(Duration::from_secs(1)).await });
                clock.advance(Duration::from_secs(2)).await;
                2
            }
        };

        ending(&session).await;
        until("the end", || handle.is_empty()).await;
        assert_closed(&log, Level::DEBUG, cause, Some(undelivered));
    }
}

#[test]
fn a_handler_that_panics_when_its_runtime_drops_it_is_logged_at_error() {
    let log = Log::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime is made");
    runtime.block_on(async {
        let layer = SockJsLayer::new("/echo").on_session(async |_: Session| {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        });
        let direct = Direct::new(layer.disconnect_delay(Duration::MAX));
        let path = unique_path("/echo") + "/xhr";
        assert_eq!(direct.post(&path).await, "o\n");
        tokio::task::yield_now().await;
    });

    drop(runtime);

    let [panicked] = &log.events("session handler panicked")[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!(panicked.level, Level::ERROR);
    assert_closed(&log, Level::DEBUG, "shutting_down", None);
}

#[tokio::test]
async fn an_end_by_a_limit_or_a_panic_is_logged_at_warn() {
    for cause in ["slow_client", "limit_exceeded", "handler_panicked"] {
        let log = Log::start();
        let _clock = Clock::freeze();
        let handler = |mut session: Session| async move {
            session.recv().await;
            panic!("a test's panic");
        };
        let layer = SockJsLayer::new("/echo").message_limit(10).send_buffer(100);
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer.on_session(handler))).await;
        let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;

        match cause {
            "slow_client" => {
                let long = "x".repeat(32 << 20);
                handle
                    .broadcast(long.clone(), sockjs_axum::SlowPolicy::Close)
                    .await;
                // The client does not read this message.
                client.socket().readable().await;
                handle
                    .broadcast(long.clone(), sockjs_axum::SlowPolicy::Close)
                    .await;
                let last = handle.broadcast(long, sockjs_axum::SlowPolicy::Close).await;
                assert_eq!(last.closed, 1);
            }
            "limit_exceeded" => client.send(&"x".repeat(11)).await,
            _ => {
                client.send("x").await;
                client.expect_close(1011, "Internal error").await;
            }
        }

        until("the end", || handle.is_empty()).await;
        assert_closed(&log, Level::WARN, cause, None);
        let panics = log.events("session handler panicked");
        if cause == "handler_panicked" {
            let [panicked] = &panics[..] else {
                panic!("{panics:?}");
            };
            assert_eq!(panicked.level, Level::ERROR);
            assert_eq!(panicked.field("panic"), Some("a test's panic"));
            assert_within(panicked, &log.sessions()[0]);
        }
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a test's panic");
    }
}

#[tokio::test]
async fn a_value_that_panics_is_logged_at_error() {
    let log = Log::start();
    let layer = SockJsLayer::new("/echo").on_session(async |mut session: Session| {
        session.insert(Arc::new(Bomb));
        session.recv().await;
    });
    let server = Server::start(Router::new().layer(layer)).await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    client.send("x").await;
    client.expect_close(1000, "Normal closure").await;

    let events = || log.events("value of a session panicked");
    until("the event", || !events().is_empty()).await;
    let [event] = &events()[..] else {
        panic!("{:?}", events());
    };
    assert_eq!(event.level, Level::ERROR);
    assert_eq!(event.field("panic"), Some("a test's panic"));
    assert_within(event, &log.sessions()[0]);
}

#[tokio::test]
async fn a_refused_request_is_an_event_with_its_reason() {
    let log = Log::start();
    let bench = Bench::start().await;
    let (refusals, _servers) = refusals(&bench).await;

    for refused in refusals {
        let before = log.ours().len();
        let line = refused.request.line();

        assert_eq!(
            refused.request.send().await.status,
            refused.status,
            "{line}"
        );

        let [event] = &log.ours()[before..] else {
            panic!("{line}: {:?}", &log.ours()[before..]);
        };
        let level = match refused.limit {
            Limit::Hit => Level::WARN,
            Limit::Kept => Level::DEBUG,
        };
        assert_eq!(event.level, level, "{line}: {event:?}");
        if refused.reason == "handler" {
            assert_eq!(event.name, "session refused by handler");
            assert_eq!(event.field("status"), Some("418"));
        } else {
            assert_eq!(event.name, "request refused", "{line}");
            let reason = event.field("reason").expect("a reason");
            assert!(!reason.is_empty(), "{line}");
        }
    }
    assert!(log.sessions().is_empty());
}

#[tokio::test]
async fn an_extractor_that_fails_is_logged_at_error() {
    let log = Log::start();
    let fails = |_: Fails, _: Session| async {};
    let server = Server::echo(|layer| layer.on_session(fails)).await;

    let response = server.peer().post("xhr").send().await.status;

    assert_eq!(response, 503);
    let [event] = &log.events("session refused by handler")[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!(event.level, Level::ERROR);
    assert_eq!(event.field("status"), Some("503"));
}

/// An extractor whose database is down.
struct Fails;

impl<S: Sync> FromRequestParts<S> for Fails {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    }
}

#[tokio::test]
async fn a_server_that_hands_over_no_connections_is_logged_at_warn() {
    let log = Log::start();
    let router = Router::new().layer(SockJsLayer::new("/echo"));
    let server = Server::around(|listener| async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let builder = hyper::server::conn::http1::Builder::new();
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .ok();
            });
        }
    })
    .await;

    let mut socket = server.websocket("/echo/000/abc/websocket").open().await;
    socket.gone().await;

    let logged = || log.events("connection did not become a websocket");
    until("the event", || !logged().is_empty()).await;
    let [event] = &logged()[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!(event.level, Level::WARN);
    let error = event.field("error").expect("hyper's reason");
    assert!(error.contains("upgrade"), "{error}");
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let log = Log::start();
    let secrets = |handshake: Handshake| {
        handshake
            .header("Cookie", "JSESSIONID=s3cr3t-cookie; login=s3cr3t-cookie")
            .header("Authorization", "Bearer s3cr3t-token")
    };
    let configure = |layer: SockJsLayer| {
        // A poll without a message is to end soon.
        let layer = layer.heartbeat_delay(Duration::from_millis(10));
        layer.message_limit(100).body_limit(200).jsessionid(true)
    };
    let server = Server::echo(configure).await;
    let long = format!("[\"s3cr3t-message{}\"]", "x".repeat(100));
    let longer = format!("[\"s3cr3t-message{}\"]", "x".repeat(200));
    let bodies = [r#"["s3cr3t-message"]"#, "s3cr3t-message", &long, &longer];

    for path in ["/echo/000/s3cr3t-id/websocket", "/echo/websocket"] {
        for body in bodies {
            let mut socket = secrets(server.websocket(path)).open().await;
            if path != "/echo/websocket" {
                socket.expect("o").await;
            }
            socket.send_text(body).await;
            socket.readable().await;
            socket.send(Frame::close(4000, "s3cr3t-reason")).await;
            socket.gone().await;
        }
    }
    let endpoints = Wire::ALL.map(Wire::endpoint);
    let more = [
        "xhr_send",
        "jsonp_send",
        "websocket",
        "nonsense",
        "jsonp?c=s3cr3t%20",
    ];
    for endpoint in endpoints.into_iter().chain(more) {
        for method in ["POST", "GET", "OPTIONS"] {
            for body in bodies {
                let path = format!("/echo/000/s3cr3t-id/{endpoint}");
                let request = server.request(method, &path).body(body);
                let request = request
                    .header("Cookie", "JSESSIONID=s3cr3t-cookie")
                    .header("Authorization", "Bearer s3cr3t-token");
                request.send().await;
            }
        }
    }

    assert!(!log.events("session closed").is_empty());
    assert!(!log.events("request refused").is_empty());
    for record in log.records() {
        let text = format!("{record:?}");
        if record.level < Level::TRACE {
            assert!(!text.contains("s3cr3t"), "{text}");
        } else if record.target.starts_with("sockjs") {
            // The session id is allowed here, and nothing else.
            let text = text.replace("s3cr3t-id", "");
            assert!(!text.contains("s3cr3t"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_mount_without_a_handler_warns_once() {
    let log = Log::start();
    let server = Server::start(Router::new().layer(SockJsLayer::new("/echo"))).await;
    for &transport in Transport::ALL {
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.send("x").await;
        assert_eq!(client.messages(1).await, ["x"]);
    }

    let [warning] = &log.events("mount has no handler")[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!(warning.level, Level::WARN);
    assert_eq!(warning.fields, [("mount", "/echo".to_owned())].into());
}

#[tokio::test]
async fn an_echo_mount_and_a_handler_do_not_warn() {
    let log = Log::start();
    let app = Router::new()
        .layer(SockJsLayer::echo("/echo"))
        .layer(SockJsLayer::new("/close").on_session(async |_: Session| {}));
    let server = Server::start(app).await;
    Client::open(server.addr(), "/echo", Transport::Xhr).await;
    Client::open(server.addr(), "/close", Transport::Xhr).await;

    assert!(log.events("mount has no handler").is_empty());
}

#[tokio::test]
async fn what_any_client_can_cause_is_a_warning_once_a_minute() {
    let clock = Clock::freeze();
    let log = Log::start();
    let full = Server::echo_alone(|layer| layer.max_sessions(0)).await;
    let other = Server::echo_alone(|layer| layer.max_sessions(0)).await;
    let short = Server::echo_alone(|layer| layer.message_limit(1)).await;

    for round in 1..=2 {
        for server in [&full, &other, &full, &full] {
            assert_eq!(server.peer().post("xhr").send().await.status, 503);
        }
        for _ in 0..3 {
            let too_long = short.peer().post("xhr_send").body(r#"["long"]"#);
            assert_eq!(too_long.send().await.status, 413);
            let mut client = Client::open(short.addr(), "/echo", Transport::WebSocket).await;
            client.socket().send_text(r#"["long"]"#).await;
        }
        let closed = || log.events("session closed").len() == 3 * round;
        until("the ends of the sessions", closed).await;
        clock.advance(Duration::from_secs(60)).await;
    }

    let levels = |message| {
        let events = log.events(message).into_iter();
        events.map(|event| event.level).collect::<Vec<_>>()
    };
    let (warn, debug) = (Level::WARN, Level::DEBUG);
    let refused = [warn, warn, debug, debug, warn, debug, debug];
    assert_eq!(levels("request refused"), [refused, refused].concat());
    let closed = [warn, debug, debug];
    assert_eq!(levels("session closed"), [closed, closed].concat());
}
