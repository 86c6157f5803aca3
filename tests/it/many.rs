//! Several messages at once: what `recv_many` takes, and what `send_many` leaves.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sockjs_axum::{Message, Session, SockJsLayer, Transport, TrySendError};
use support::{Client, Server, received, within};

/// Opens a session over some transport.
async fn open(
    transport: Transport,
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, Client, Session) {
    let (server, mut sessions) = Server::capture(configure).await;
    let client = Client::open(server.addr(), "/echo", transport).await;
    let session = sessions.next().await;
    (server, client, session)
}

fn messages(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|&text| text.into()).collect()
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn recv_many_takes_what_is_there_up_to_the_limit() {
    let (_server, mut client, mut session) = open(Transport::Xhr, |layer| layer).await;
    let (peer, _) = client.http();
    peer.send(r#"["1","2","3"]"#).await;
    peer.send(r#"["4"]"#).await;
    peer.send(r#"["5","6"]"#).await;

    let mut taken = messages(&["0"]);
    assert_eq!(
        within("the messages", session.recv_many(&mut taken, 0)).await,
        0
    );
    assert_eq!(
        within("the messages", session.recv_many(&mut taken, 2)).await,
        2
    );
    assert_eq!(taken, messages(&["0", "1", "2"]));
    assert_eq!(received(&mut session).await, "3");
    taken.clear();
    assert_eq!(
        within("the messages", session.recv_many(&mut taken, 100)).await,
        3
    );
    assert_eq!(taken, messages(&["4", "5", "6"]));

    let mut waiting = Box::pin(session.recv_many(&mut taken, 100));
    assert!(poll_once(waiting.as_mut()).is_pending());
    drop(waiting);
    peer.send(r#"["7","8"]"#).await;
    assert_eq!(received(&mut session).await, "7");
    let (sender, mut receiver) = session.split();
    taken.clear();
    assert_eq!(
        within("the messages", receiver.recv_many(&mut taken, 100)).await,
        1
    );
    assert_eq!(taken, messages(&["8"]));

    sender.close(3000, "");
    client.expect_told(3000, "").await;
    assert_eq!(
        within("the messages", receiver.recv_many(&mut taken, 100)).await,
        0
    );
    assert_eq!(within("the messages", receiver.recv()).await, None);
    assert_eq!(taken, messages(&["8"]));
}

#[tokio::test]
async fn send_many_sends_all_in_their_order_and_keeps_what_does_not_fit() {
    // Room for two messages.
    let two = |layer: SockJsLayer| layer.send_buffer(2 * 65);
    let (_server, mut client, session) = open(Transport::Xhr, two).await;
    session.try_send("0").unwrap();
    let mut queue = messages(&["1", "2", "3"]);
    {
        let mut sending = pin!(session.send_many(&mut queue));
        assert!(poll_once(sending.as_mut()).is_pending());
    }
    // One fitted, and one was in line when the future was dropped.
    assert_eq!(queue, messages(&["2", "3"]));
    assert_eq!(
        session.try_send("x"),
        Err(TrySendError::Full("x".to_owned().into()))
    );
    let send = tokio::spawn(async move {
        let result = session.send_many(&mut queue).await;
        (result, queue, session)
    });
    assert_eq!(client.messages(4).await, ["0", "1", "2", "3"]);
    let (result, queue, session) = send.await.unwrap();
    assert_eq!((result, queue.len()), (Ok(()), 0));

    session.close(3000, "");
    let mut queue = messages(&["4", "5"]);
    let error = session.send_many(&mut queue).await.unwrap_err();
    assert_eq!(error.into_message(), "4");
    assert_eq!(queue, messages(&["5"]));
    assert_eq!(session.send_many(&mut Vec::new()).await, Ok(()));
}

#[tokio::test]
async fn messages_that_wait_in_line_are_given_back_at_the_end() {
    let one = |layer: SockJsLayer| layer.send_buffer(1);
    let (_server, _client, session) = open(Transport::Xhr, one).await;
    session.try_send("0").unwrap();
    let mut queue = messages(&["1", "2"]);
    let error = {
        let mut sending = pin!(session.send_many(&mut queue));
        assert!(poll_once(sending.as_mut()).is_pending());
        session.close(3000, "");
        within("the messages", sending).await.unwrap_err()
    };
    assert_eq!(error.into_message(), "1");
    assert_eq!(queue, messages(&["2"]));
}
