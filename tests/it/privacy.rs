//! Session ids stay secret, and handlers do not see what they should not trust.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use support::{Server, ending};
use tracing_subscriber::fmt::MakeWriter;

#[tokio::test]
async fn the_application_never_sees_the_session_id() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer_at("/echo/000/s3cr3t");

    let request = peer
        .post("xhr?x=1")
        .header("Referer", "http://localhost/app");
    request.send().await.bytes().await;

    let session = sessions.next().await;
    assert!(!format!("{session:?}").contains("s3cr3t"), "{session:?}");
    assert!(!session.id().to_string().contains("s3cr3t"));
    assert!(
        !session.uri().to_string().contains("s3cr3t"),
        "{}",
        session.uri()
    );
    assert!(!session.path().contains("s3cr3t"), "{}", session.path());
    assert_eq!(session.prefix(), "/echo");
    assert_eq!(
        session.headers().get("referer").unwrap(),
        "http://localhost/app"
    );
}

#[tokio::test]
async fn the_session_id_is_not_logged_above_trace() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("nobody panics with the log")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let delay = Duration::from_millis(50);
    let (server, mut sessions) = Server::capture(|layer| layer.disconnect_delay(delay)).await;

    for endpoint in [
        "xhr",
        "xhr_send",
        "websocket",
        "nonsense",
        "jsonp",
        "htmlfile?c=%20",
    ] {
        for method in ["POST", "GET"] {
            let peer = server.peer_at("/echo/000/s3cr3t-id");
            let request = peer.request(method, endpoint).body(r#"["s3cr3t-message"]"#);
            request.send().await.bytes().await;
        }
    }
    let session = sessions.next().await;
    session.try_send("s3cr3t-answer").ok();
    ending(&session).await;

    let log = log.0.lock().unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(!log.contains("s3cr3t"), "{log}");
}

#[tokio::test]
async fn cookies_and_credentials_are_not_shown_to_the_application() {
    let (server, mut sessions) = Server::capture(|layer| layer.jsessionid(true)).await;

    let request = server
        .peer()
        .post("xhr")
        .header("Cookie", "JSESSIONID=1; login=secret");
    let request = request
        .header("Authorization", "Bearer secret")
        .header("X-Other", "shown");
    request.send().await.bytes().await;

    let session = sessions.next().await;
    assert!(
        !session.headers().contains_key("cookie"),
        "{:?}",
        session.headers()
    );
    assert!(
        !session.headers().contains_key("authorization"),
        "{:?}",
        session.headers()
    );
    assert_eq!(session.headers().get("x-other").unwrap(), "shown");
}
