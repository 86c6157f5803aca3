//! The tests that `docs/testing.md` shows.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::request::Parts;
use sockjs_axum::{Session, SockJsLayer};
use sockjs_client::{Client, Transport};
use tokio::time::{Instant, sleep};

struct User(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let user = parts.headers.get("x-user").and_then(|it| it.to_str().ok());
        Ok(Self(user.ok_or(StatusCode::UNAUTHORIZED)?.to_owned()))
    }
}

/// Greets the user, then says every message in capital letters, and closes after a minute of silence.
async fn shout(user: User, mut session: Session) {
    session.send(format!("hello {}", user.0)).await.ok();
    let minute = Duration::from_secs(60);
    while let Ok(Some(message)) = tokio::time::timeout(minute, session.recv()).await {
        session.send(message.to_uppercase()).await.ok();
    }
    session.close(4000, "too quiet");
}

fn live() -> SockJsLayer {
    SockJsLayer::new("/live")
        .on_session(shout)
        .allowed_origins(["https://app.example"])
}

type TestResult = Result<(), Box<dyn Error>>;

#[tokio::test(start_paused = true)]
async fn shouts_over_every_transport() -> TestResult {
    let app = Router::new().layer(live());
    for transport in Client::TRANSPORTS {
        let client = Client::over(app.clone(), "/live").transport(transport);
        let client = client.origin("https://app.example").header("x-user", "ann");
        let mut client = client.connect().await?;
        assert_eq!(client.recv().await.as_deref(), Some("hello ann"));
        client.send("tea?").await?;
        assert_eq!(client.recv().await.as_deref(), Some("TEA?"));
        assert_eq!(client.close().await.code(), 1000);
    }
    Ok(())
}

fn ann(layer: SockJsLayer) -> sockjs_client::Builder {
    Client::over(Router::new().layer(layer), "/live")
        .origin("https://app.example")
        .header("x-user", "ann")
}

#[tokio::test(start_paused = true)]
async fn closes_after_a_minute_of_silence() -> TestResult {
    let client = ann(live()).connect().await?;
    sleep(Duration::from_secs(30)).await;
    client.send("still here").await?;
    let start = Instant::now();
    let reason = client.closed().await;
    assert_eq!((reason.code(), reason.reason()), (4000, "too quiet"));
    assert_eq!(start.elapsed().as_secs(), 60);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refuses_who_has_no_name() {
    let app = Router::new().layer(live());
    let client = Client::over(app, "/live").origin("https://app.example");
    let error = client.connect().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
}

#[tokio::test(start_paused = true)]
async fn refuses_pages_of_other_origins() {
    let app = Router::new().layer(live());
    for origin in ["https://evil.example", "http://app.example", "null"] {
        let client = Client::over(app.clone(), "/live").origin(origin);
        let error = client.connect().await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::FORBIDDEN), "{origin}");
    }
}

#[tokio::test(start_paused = true)]
async fn says_goodbye_at_a_shutdown() -> TestResult {
    let layer = live();
    let handle = layer.handle();
    let client = ann(layer).transport(Transport::Xhr).connect().await?;
    let (reason, shutdown) =
        tokio::join!(client.closed(), handle.shutdown(Duration::from_secs(10)));
    assert_eq!(reason.code(), 1001);
    assert_eq!((shutdown.cut, shutdown.undelivered), (0, 0));
    Ok(())
}

/// The page shows this file in pieces.
#[test]
fn the_documentation_shows_this_very_code() {
    let code = include_str!("documented.rs");
    let page = include_str!("../../docs/testing.md");
    let pieces: Vec<_> = page
        .split("```rust\n")
        .skip(1)
        .map(|it| it.split("```").next().unwrap().trim_end())
        .collect();
    assert!(pieces.len() >= 6);
    for piece in pieces {
        assert!(code.contains(piece), "not in this file:\n{piece}");
    }
}
