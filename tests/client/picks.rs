use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use sockjs_axum::{SockJsLayer, Transport};
use sockjs_client::{Client, ConnectError, TransportError};
use tokio::time::Instant;

use crate::answers::{Seen, answering, forbidden, never};

fn echo() -> Router {
    Router::new().layer(SockJsLayer::echo("/echo"))
}

async fn picked(app: Router) -> Transport {
    let client = Client::over(app, "/echo").connect().await;
    let mut client = client.expect("a transport works");
    client.send("hello").await.expect("the session is open");
    assert_eq!(client.recv().await.as_deref(), Some("hello"));
    client.transport()
}

#[tokio::test(start_paused = true)]
async fn websocket_is_the_first_choice() {
    assert_eq!(picked(echo()).await, Transport::WebSocket);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_websockets_is_not_asked_for_one() {
    let seen = Seen::default();
    let app = seen.watch(Router::new().layer(SockJsLayer::echo("/echo").websocket(false)));
    assert_eq!(picked(app).await, Transport::XhrStreaming);
    assert!(!seen.paths().iter().any(|it| it.ends_with("/websocket")));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_followed_by_the_next_transport() {
    let app = answering(echo(), "/websocket", forbidden);
    assert_eq!(picked(app.clone()).await, Transport::XhrStreaming);
    let app = answering(app, "/xhr_streaming", forbidden);
    assert_eq!(picked(app).await, Transport::Xhr);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_given_up_after_two_round_trips() {
    let app = answering(echo(), "/websocket", never);
    let start = Instant::now();
    assert_eq!(picked(app.clone()).await, Transport::XhrStreaming);
    // In memory, a round trip takes no time, and has 0.3 s.
    let waited = start.elapsed().as_millis();
    assert!((600..610).contains(&waited), "{waited} ms");

    let client = Client::over(app, "/echo").timeout(Duration::from_secs(5));
    let start = Instant::now();
    let client = client.connect().await.unwrap();
    assert_eq!(client.transport(), Transport::XhrStreaming);
    let waited = start.elapsed().as_millis();
    assert!((5000..5010).contains(&waited), "{waited} ms");
}

#[tokio::test(start_paused = true)]
async fn the_last_transport_has_all_the_time() {
    let app = answering(echo(), "/xhr", never);
    let client = Client::over(app, "/echo").transport(Transport::Xhr);
    let start = Instant::now();
    let error = client.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut), "{error}");
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_order_is_the_one_that_is_asked_for() {
    let app = answering(echo(), "/eventsource", forbidden);
    let order = [Transport::EventSource, Transport::Xhr, Transport::WebSocket];
    let client = Client::over(app, "/echo").transports(order);
    let client = client.connect().await.unwrap();
    assert_eq!(client.transport(), Transport::Xhr);
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_error_says_why_each_did() {
    let mut app = Router::new().layer(SockJsLayer::echo("/echo").websocket(false));
    for end in ["/xhr_streaming", "/xhr"] {
        app = answering(app, end, forbidden);
    }
    let error = Client::over(app, "/echo").connect().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    assert_eq!(
        error.to_string(),
        "all transports failed: websocket: the server has no WebSockets; \
         xhr-streaming: the server answered 403 Forbidden; \
         xhr-polling: the server answered 403 Forbidden"
    );
    let ConnectError::Transports(errors) = error else {
        panic!("not the transports");
    };
    let TransportError::Refused { body, .. } = &errors[2].1 else {
        panic!("not refused");
    };
    assert_eq!(body, "not for you");
}

#[tokio::test(start_paused = true)]
async fn without_info_nothing_is_tried() {
    let seen = Seen::default();
    let client = Client::over(seen.watch(Router::new()), "/echo");
    let error = client.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Info(_)), "{error}");
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert_eq!(seen.paths(), ["/echo/info"]);
}

#[tokio::test(start_paused = true)]
async fn info_has_eight_seconds() {
    let app = answering(echo(), "/info", never);
    let start = Instant::now();
    let error = Client::over(app, "/echo").connect().await.unwrap_err();
    let ConnectError::Info(TransportError::TimedOut) = error else {
        panic!("{error}");
    };
    assert_eq!(start.elapsed().as_secs(), 8);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_so() {
    // Nothing listens on this port: it was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let error = Client::connect(format!("http://{addr}/echo")).await;
    let error = error.unwrap_err();
    let ConnectError::Info(TransportError::Connect(error)) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn base_url_leads_to_another_mount() {
    let seen = Seen::default();
    let app = seen.watch(
        Router::new()
            .layer(SockJsLayer::echo("/info-only").base_url("/live"))
            .layer(SockJsLayer::echo("/live")),
    );
    for transport in Client::TRANSPORTS {
        let client = Client::over(app.clone(), "/info-only").transport(transport);
        let mut client = client.connect().await.unwrap();
        client.send("hello").await.unwrap();
        assert_eq!(client.recv().await.as_deref(), Some("hello"));
        let paths = seen.paths();
        assert_eq!(paths[0], "/info-only/info");
        assert!(
            paths[1..].iter().all(|it| it.starts_with("/live/")),
            "{paths:?}"
        );
    }
}

#[tokio::test]
async fn base_url_leads_to_another_server() {
    let live = support::Server::start(Router::new().layer(SockJsLayer::echo("/live"))).await;
    let base_url = format!("http://{}/live", live.addr());
    let layer = SockJsLayer::echo("/echo").base_url(base_url);
    let front = support::Server::start(Router::new().layer(layer)).await;
    let client = Client::connect(format!("http://{}/echo", front.addr())).await;
    let mut client = client.unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.as_deref(), Some("hello"));
}

#[tokio::test(start_paused = true)]
async fn urls_of_sessions_have_a_server_part_for_load_balancers() {
    let seen = Seen::default();
    let app = seen.watch(answering(echo(), "/websocket", forbidden));
    picked(app).await;
    let paths = seen.paths();
    let parts: Vec<Vec<_>> = paths[1..]
        .iter()
        .map(|it| it.split('/').collect())
        .collect();
    let (websocket, streaming) = (&parts[0], &parts[1]);
    assert_eq!(websocket[2].len(), 3);
    assert!(websocket[2].parse::<u16>().is_ok());
    assert_eq!(websocket[2], streaming[2]);
    assert_ne!(websocket[3], streaming[3]);
    assert_eq!(streaming[3].len(), 32);
}

#[tokio::test(start_paused = true)]
async fn a_raw_websocket_needs_no_info() {
    let seen = Seen::default();
    let client = Client::over(seen.watch(echo()), "/echo").transport(Transport::RawWebSocket);
    client.connect().await.unwrap();
    assert_eq!(seen.paths(), ["/echo/websocket"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_refused_before_anything_is_sent() {
    let over = |path| Client::over(echo(), path);
    let error = over("/echo").transport(Transport::Jsonp).connect().await;
    assert!(matches!(
        error,
        Err(ConnectError::Unsupported(Transport::Jsonp))
    ));
    let error = over("/echo").header("X Y", "z").connect().await;
    assert!(matches!(error, Err(ConnectError::Header(name)) if name == "X Y"));
    let error = over("/echo").cookie("x", "a\nb").connect().await;
    assert!(matches!(error, Err(ConnectError::Header(name)) if name == "x"));
    let error = over("echo").connect().await;
    assert!(matches!(error, Err(ConnectError::Url(_))));
    let error = Client::connect("ftp://localhost/echo").await;
    assert!(matches!(error, Err(ConnectError::Url(_))));
}
