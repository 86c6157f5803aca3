//! The log of a handler that returned an error.

use std::{error::Error, fmt, future::Future};

use anyhow::Context as _;
use axum::Router;
use sockjs_axum::{
    JoinError, SendError, SendJsonError, Session, SockJsHandle, SockJsLayer, Transport,
    TrySendError,
};
use support::{Client, Frame, Server, until};
use tracing::Level;

use super::log::{Kind, Log, Record, SpanState};

/// An error of an application, with a source.
#[derive(Debug)]
struct AppError(Box<dyn Error + Send + Sync>);

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot load the user")
    }
}

impl Error for AppError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// An error with two sources below it.
fn nested() -> AppError {
    AppError(AppError("connection refused".into()).into())
}

/// Returns what is logged if a handler returns that error once its client has sent something.
async fn logged<E, Fut>(handler: impl Fn(Session) -> Fut + Clone + Send + Sync + 'static) -> Log
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
{
    let log = Log::start();
    let layer = SockJsLayer::new("/echo").on_session(handler);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    client.send("go").await;
    client.gone().await;
    until("the end", || handle.is_empty()).await;
    log
}

fn failure(log: &Log) -> Record {
    let [failed] = &log.events("session handler failed")[..] else {
        panic!("{:?}", log.ours());
    };
    failed.clone()
}

fn assert_warned(log: &Log, error: &str) {
    let failed = failure(log);
    assert_eq!(failed.level, Level::WARN);
    assert_eq!(failed.field("error"), Some(error));
    let Kind::Span { id, .. } = log.sessions()[0].kind else {
        panic!("{:?}", log.sessions());
    };
    assert_eq!(failed.kind, Kind::Event { within: Some(id) });
    let [closed] = &log.events("session closed")[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!(closed.field("cause"), Some("handler_failed"));
    assert_eq!(closed.field("code"), Some("1011"));
}

#[tokio::test]
async fn an_error_of_a_handler_is_logged_at_warn_with_all_its_sources() {
    let chain = "cannot load the user: cannot load the user: connection refused";
    let log = logged(async |_: Session| Err(nested())).await;
    assert_warned(&log, chain);

    let log =
        logged(async |_: Session| Err::<(), Box<dyn Error + Send + Sync>>(nested().into())).await;
    assert_warned(&log, chain);

    let log = logged(async |_: Session| Err::<(), anyhow::Error>(nested().into())).await;
    assert_warned(&log, chain);

    let log = logged(async |_: Session| {
        let failed: Result<(), _> = Err(nested());
        failed.context("cannot greet")
    })
    .await;
    assert_warned(&log, &format!("cannot greet: {chain}"));

    let log = logged(async |_: Session| Err("a text".to_owned())).await;
    assert_warned(&log, "a text");

    let log = logged(async |_: Session| Err(anyhow::anyhow!("a text"))).await;
    assert_warned(&log, "a text");
}

#[tokio::test]
async fn a_message_that_finds_no_room_is_logged() {
    let log = logged(async |session: Session| {
        session.try_send("x".repeat(2 << 20))?;
        session.try_send("x")
    })
    .await;

    assert_warned(&log, "send buffer is full");
}

/// Returns what is logged if a client closes its session, and the handler then cannot send.
async fn logged_when_gone<E, Fut>(
    handler: impl Fn(Session) -> Fut + Clone + Send + Sync + 'static,
) -> Log
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
{
    let log = Log::start();
    let layer = SockJsLayer::new("/echo").on_session(move |mut session: Session| {
        let handler = handler.clone();
        async move {
            while session.recv().await.is_some() {}
            handler(session).await
        }
    });
    let handle: SockJsHandle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    client.socket().send(Frame::close(4321, "Bye")).await;
    client.gone().await;
    until("the end", || handle.is_empty()).await;
    // The handler runs to its end behind the end of its session.
    until("the end of the span", || {
        let is_closed = |span: &Record| matches!(&span.kind, Kind::Span { state, .. } if *state == SpanState::Closed);
        log.sessions().iter().all(is_closed)
    })
    .await;
    log
}

fn assert_silent(log: &Log) {
    assert_eq!(log.events("session handler failed").len(), 0);
    let [closed] = &log.events("session closed")[..] else {
        panic!("{:?}", log.ours());
    };
    assert_eq!(closed.field("cause"), Some("closed_by_client"));
    let warned = log.ours().into_iter().find(|it| it.level <= Level::WARN);
    assert!(warned.is_none(), "{warned:?}");
}

#[tokio::test]
async fn what_is_too_late_is_no_failure() {
    type Boxed = Box<dyn Error + Send + Sync>;
    async fn boxed(session: Session) -> Result<(), Boxed> {
        session.send("late").await?;
        Ok(())
    }
    async fn boxed_try(session: Session) -> Result<(), Boxed> {
        Ok(session.try_send("late")?)
    }
    async fn boxed_json(session: Session) -> Result<(), Boxed> {
        session.send_json("late").await?;
        Ok(())
    }
    async fn within_another(session: Session) -> Result<(), AppError> {
        let sent = session.send("late").await;
        sent.map_err(|error| AppError(AppError(error.into()).into()))
    }
    async fn any(session: Session) -> anyhow::Result<()> {
        session.send("late").await?;
        Ok(())
    }
    async fn any_json(session: Session) -> anyhow::Result<()> {
        session.send_json("late").await?;
        Ok(())
    }
    async fn any_with_context(session: Session) -> anyhow::Result<()> {
        session.send("late").await.context("cannot greet")?;
        Ok(())
    }
    assert_silent(
        &logged_when_gone::<SendError, _>(async |session| session.send("late").await).await,
    );
    assert_silent(
        &logged_when_gone::<TrySendError, _>(async |session| session.try_send("late")).await,
    );
    assert_silent(
        &logged_when_gone::<SendJsonError, _>(async |session| session.send_json("late").await)
            .await,
    );
    assert_silent(&logged_when_gone::<JoinError, _>(async |session| session.join("late")).await);
    assert_silent(&logged_when_gone(boxed).await);
    assert_silent(&logged_when_gone(boxed_try).await);
    assert_silent(&logged_when_gone(boxed_json).await);
    assert_silent(&logged_when_gone(within_another).await);
    assert_silent(&logged_when_gone(any).await);
    assert_silent(&logged_when_gone(any_json).await);
    assert_silent(&logged_when_gone(any_with_context).await);
}

#[tokio::test]
async fn another_error_after_the_end_is_logged_all_the_same() {
    let log = logged_when_gone(async |_| Err(nested())).await;

    let failed = failure(&log);

    let chain = "cannot load the user: cannot load the user: connection refused";
    assert_eq!(failed.field("error"), Some(chain));
    let closed = &log.events("session closed")[0];
    assert_eq!(closed.field("cause"), Some("closed_by_client"));
}

#[tokio::test]
async fn a_message_to_another_session_that_is_gone_is_a_failure() {
    let log = Log::start();
    let layer = SockJsLayer::new("/echo");
    let gone = layer.handle();
    let layer = layer.on_session(move |mut session: Session| {
        let gone = gone.clone();
        async move {
            let Some(_) = session.recv().await else {
                return Ok(());
            };
            let other = gone.sessions().find(|other| other.id() != session.id());
            let other = other.expect("there are two");
            other.close(3000, "Go away!");
            other.send("late").await
        }
    });
    let server = Server::start(Router::new().layer(layer)).await;
    let mut other = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;

    client.send("go").await;

    client.expect_close(1011, "Internal error").await;
    other.expect_close(3000, "Go away!").await;
    let error = "message was not sent: session is closed";
    assert_eq!(failure(&log).field("error"), Some(error));
}
