//! How the end of a handler ends its session.

use std::future::Ready;

use sockjs_axum::{Cause, Sender, Session};
use support::{Server, within};
use tokio::sync::mpsc;

use super::PATH;

#[tokio::test]
async fn a_handler_that_returns_closes_with_1000() {
    let handler = |session: Session| async move {
        session.send("bye").await.unwrap();
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;

    let mut socket = server.websocket(PATH).open().await;

    socket.expect("o").await;
    socket.expect(r#"a["bye"]"#).await;
    socket.expect(r#"c[1000,"Normal closure"]"#).await;
    socket.expect_close(1000, "Normal closure").await;
}

#[tokio::test]
async fn a_handler_that_panics_closes_its_own_session_with_1011() {
    let (tx, mut senders) = mpsc::unbounded_channel();
    let handler = move |session: Session| {
        let tx = tx.clone();
        async move {
            let (sender, mut receiver) = session.split();
            tx.send(sender.clone()).ok();
            while let Some(message) = receiver.recv().await {
                assert_ne!(message, "panic");
                sender.send(message).await.ok();
            }
        }
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let mut other = server.websocket(PATH).open().await;
    other.expect("o").await;
    let _other: Sender = senders.recv().await.unwrap();
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;
    let sender = senders.recv().await.unwrap();

    socket.send_text(r#"["panic"]"#).await;

    socket.expect(r#"c[1011,"Internal error"]"#).await;
    socket.expect_close(1011, "Internal error").await;
    let ending = within("the session's end", sender.closed()).await;
    assert_eq!(ending.cause(), Cause::HandlerPanicked);
    other.send_text(r#"["x"]"#).await;
    other.expect(r#"a["x"]"#).await;
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_called_closes_with_1011() {
    fn panic(_: Session) -> Ready<()> {
        panic!("a test's panic");
    }
    let server = Server::echo(|layer| layer.on_session(panic)).await;

    let mut socket = server.websocket(PATH).open().await;

    socket.expect("o").await;
    socket.expect(r#"c[1011,"Internal error"]"#).await;
    socket.expect_close(1011, "Internal error").await;
}

#[tokio::test]
async fn a_handler_goes_on_after_its_session() {
    let (tx, mut done) = mpsc::unbounded_channel();
    let handler = move |session: Session| {
        let tx = tx.clone();
        async move {
            let ending = session.closed().await;
            // The handler runs to its end.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            tx.send(ending.cause()).ok();
        }
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;

    socket.reset();

    let cause = within("the handler's end", done.recv()).await;
    assert_eq!(cause, Some(Cause::ReceiverLost));
}
