//! When a session closes because of the handles that the application dropped.

use std::time::Duration;

use sockjs_axum::{Cause, Ending, Receiver, Sender, Session, SockJsLayer, Transport, TrySendError};
use support::{Client, Server, Wire, within};
use tokio::sync::{mpsc, oneshot};

const CLOSED: &str = r#"c[1000,"Normal closure"]"#;

/// Serves a handler that drops its `Receiver` and waits for the end of the session, which the test
/// is told.
async fn deaf(
    configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone,
) -> (Server, mpsc::UnboundedReceiver<Ending>) {
    let (endings, ended) = mpsc::unbounded_channel();
    let handler = move |session: Session| {
        let endings = endings.clone();
        async move {
            let (sender, receiver) = session.split();
            drop(receiver);
            let ending = sender.closed().await;
            endings.send(ending).expect("the test listens");
        }
    };
    let server = Server::echo(|layer| configure(layer).on_session(handler)).await;
    (server, ended)
}

#[tokio::test]
async fn messages_that_nobody_takes_are_read_and_answered() {
    let (server, mut ended) = deaf(|layer| layer.receive_buffer(1)).await;
    for transport in [
        Transport::Xhr,
        Transport::Jsonp,
        Transport::WebSocket,
        Transport::RawWebSocket,
    ] {
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        // A send request that is not answered fails the test.
        for n in 0..100 {
            within("an answer", client.send(&n.to_string())).await;
        }
        if [Transport::WebSocket, Transport::RawWebSocket].contains(&transport) {
            // More than the kernel's buffers hold.
            for _ in 0..100 {
                within("a reader", client.send(&"x".repeat(100_000))).await;
            }
        }
        client.attach().await;
        client.reset();
        let ending = within("the end", ended.recv()).await.unwrap();
        assert_eq!(ending.cause(), Cause::ReceiverLost, "{transport:?}");
    }
}

#[tokio::test]
async fn a_client_s_close_is_noticed_behind_messages_that_nobody_takes() {
    let (server, mut ended) = deaf(|layer| layer.receive_buffer(1)).await;
    let mut socket = server.websocket("/echo/000/abc/websocket").open().await;
    socket.expect("o").await;
    for _ in 0..100 {
        socket.send_text(r#"["x","y"]"#).await;
    }

    socket.send(support::Frame::close(1000, "bye")).await;

    let ending = within("the end", ended.recv()).await.unwrap();
    assert_eq!(ending.cause(), Cause::ClosedByClient);
    assert_eq!(ending.reason().reason(), "bye");
}

#[tokio::test]
async fn broken_payloads_are_refused_although_nobody_takes_messages() {
    let (server, _ended) = deaf(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    assert_eq!(peer.send_status(r#"["x"#).await, 500);
    assert_eq!(peer.send_status(r#"["x"]"#).await, 204);
}

#[tokio::test]
async fn a_payload_that_waits_for_room_is_answered_when_the_receiver_is_dropped() {
    let (server, mut sessions) = Server::capture(|layer| layer.receive_buffer(1)).await;
    let peer = server.peer();
    peer.open().await;
    let (sender, receiver) = sessions.next().await.split();
    peer.send(r#"["x"]"#).await;
    let waiting = peer.post("xhr_send").body(r#"["y"]"#).start().await;

    // The session closes too, because its handler has returned. A payload for it is refused then.
    drop(receiver);

    let status = waiting.response().await.status;
    assert!([204, 404].contains(&status), "{status}");
    drop(sender);
}

/// Serves a handler that gives away a clone of its `Sender`, as for a room, and returns when told.
async fn with_room(
    stay: fn(
        Sender,
        Receiver,
        oneshot::Receiver<()>,
    ) -> futures_util::future::BoxFuture<'static, ()>,
) -> (
    Server,
    mpsc::UnboundedReceiver<(Sender, oneshot::Sender<()>)>,
) {
    let (room, members) = mpsc::unbounded_channel();
    let handler = move |session: Session| {
        let (sender, receiver) = session.split();
        let (go, gone) = oneshot::channel();
        room.send((sender.clone(), go)).expect("the test listens");
        stay(sender, receiver, gone)
    };
    (
        Server::echo(|layer| layer.on_session(handler)).await,
        members,
    )
}

#[tokio::test]
async fn a_session_closes_when_its_handler_returns_although_a_room_keeps_a_sender() {
    let (server, mut members) = with_room(|sender, receiver, gone| {
        Box::pin(async move {
            gone.await.unwrap();
            drop((sender, receiver));
        })
    })
    .await;
    for wire in Wire::ALL {
        let mut client = server.peer().receiver(wire);
        client.expect("o").await;
        let (member, go) = members.recv().await.unwrap();
        assert!(!member.is_closed());
        client.attach().await;
        member.try_send("x").unwrap();
        client.expect(r#"a["x"]"#).await;

        client.attach().await;
        go.send(()).unwrap();

        client.expect(CLOSED).await;
        assert!(member.is_closed());
        let refused = member.clone().try_send("y");
        assert!(matches!(refused, Err(TrySendError::Closed(_))));
        assert_eq!(member.closed().await.cause(), Cause::ClosedByApp);
    }
}

#[tokio::test]
async fn a_receiver_that_lives_longer_than_the_handler_keeps_the_session_open() {
    let (server, mut members) = with_room(|sender, mut receiver, gone| {
        Box::pin(async move {
            // The other task has the receiver alone.
            drop(sender);
            tokio::spawn(async move { while receiver.recv().await.as_deref() != Some("close") {} });
            gone.await.unwrap();
        })
    })
    .await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    let (member, go) = members.recv().await.unwrap();
    go.send(()).unwrap();
    for n in 0..10 {
        member.try_send(n.to_string()).unwrap();
        assert_eq!(client.messages(1).await, [n.to_string()]);
    }

    client.send("close").await;

    client.expect_close(1000, "Normal closure").await;
    assert!(member.is_closed());
}

#[tokio::test]
async fn a_handler_without_its_receiver_keeps_the_session_open_until_it_returns() {
    let (server, mut members) = with_room(|sender, receiver, gone| {
        Box::pin(async move {
            drop((sender, receiver));
            gone.await.unwrap();
        })
    })
    .await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    let (member, go) = members.recv().await.unwrap();
    for n in 0..10 {
        client.send(&n.to_string()).await;
        member.try_send(n.to_string()).unwrap();
        assert_eq!(client.messages(1).await, [n.to_string()]);
    }

    go.send(()).unwrap();

    client.expect_close(1000, "Normal closure").await;
}

#[tokio::test]
async fn the_last_sender_closes_the_session_while_the_handler_runs() {
    let (server, mut members) = with_room(|sender, receiver, gone| {
        Box::pin(async move {
            drop((sender, receiver));
            // Never told.
            gone.await.unwrap_err();
            std::future::pending::<()>().await;
        })
    })
    .await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    let (member, _go) = members.recv().await.unwrap();
    let clone = member.clone();
    drop(member);
    clone.try_send("x").unwrap();
    assert_eq!(client.messages(1).await, ["x"]);

    drop(clone);

    client.expect_close(1000, "Normal closure").await;
}

#[tokio::test]
async fn a_handler_that_panics_closes_its_session_although_a_room_keeps_a_sender() {
    let (server, mut members) = with_room(|_sender, _receiver, gone| {
        Box::pin(async move {
            gone.await.unwrap();
            panic!("as the test wants");
        })
    })
    .await;
    let mut client = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    let (member, go) = members.recv().await.unwrap();

    go.send(()).unwrap();

    client.expect_close(1011, "Internal error").await;
    assert_eq!(member.closed().await.cause(), Cause::HandlerPanicked);
}

#[tokio::test]
async fn a_reference_does_not_keep_the_session_open() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    let from_session = session.session_ref().clone();
    let (sender, receiver) = session.split();
    let from_sender = sender.session_ref().clone();
    assert_eq!(from_session.id(), sender.id());
    assert_eq!(from_sender.id(), sender.id());
    from_session.try_send("x").unwrap();
    from_sender.try_send("y").unwrap();
    assert_eq!(peer.poll().await, "a[\"x\",\"y\"]\n");

    drop((sender, receiver));

    assert_eq!(peer.poll().await, format!("{CLOSED}\n"));
    let ending = within("the end", from_session.closed()).await;
    assert_eq!(ending.cause(), Cause::ClosedByApp);
    assert!(from_sender.try_send("z").is_err());
}

/// The session ends by its client, while the handler still runs.
#[tokio::test]
async fn is_closed_is_true_as_soon_as_nothing_can_be_sent() {
    let (server, mut sessions) =
        Server::capture(|layer| layer.disconnect_delay(Duration::from_millis(1))).await;
    let peer = server.peer();
    peer.open().await;
    let (sender, _receiver) = sessions.next().await.split();

    within("the end", sender.closed()).await;

    assert!(sender.is_closed());
}
