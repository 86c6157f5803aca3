//! The two directions of a session, together and apart.

mod budget;
mod ends;
mod waits;

use futures_util::{SinkExt, StreamExt as _};
use sockjs_axum::{Cause, Message, Session};
use support::{Server, Wire, ending, within};

use crate::receive::GO_AWAY;

#[tokio::test]
async fn a_session_is_a_stream_and_a_sink() {
    let handler = |session: Session| async move {
        let (sink, stream) = session.split();
        stream.map(Ok).forward(sink).await.ok();
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let peer = server.peer();
    peer.open().await;

    peer.send(r#"["1","2"]"#).await;
    peer.send(r#"["3"]"#).await;

    assert_eq!(peer.receiver(Wire::Xhr).messages(3).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_sink_that_is_flushed_has_queued_everything() {
    let handler = |mut session: Session| async move {
        for message in ["1", "2", "3"] {
            session
                .feed(Message::from(message))
                .await
                .expect("the session is open");
        }
        SinkExt::<Message>::flush(&mut session)
            .await
            .expect("the session is open");
        session.next().await;
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let peer = server.peer();
    peer.open().await;

    assert_eq!(peer.receiver(Wire::Xhr).messages(3).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn the_session_stays_open_until_both_halves_and_all_clones_are_dropped() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = server.peer().receiver(Wire::XhrStreaming);
    client.expect("o").await;
    let (sender, receiver) = sessions.next().await.split();
    let clone = sender.clone();

    drop(sender);
    clone.try_send("without the first sender").unwrap();
    client.expect(r#"a["without the first sender"]"#).await;
    drop(clone);
    drop(receiver);
    client.expect(r#"c[1000,"Normal closure"]"#).await;
    client.complete().await;
}

#[tokio::test]
async fn the_receiver_alone_keeps_the_session_open() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let (sender, mut receiver) = sessions.next().await.split();

    drop(sender);

    peer.send(r#"["x"]"#).await;
    assert_eq!(
        within("a message", receiver.recv()).await.as_deref(),
        Some("x")
    );
    drop(receiver);
    assert_eq!(peer.poll().await, "c[1000,\"Normal closure\"]\n");
}

#[tokio::test]
async fn a_session_may_be_closed_while_another_task_waits_for_messages() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    let mut client = peer.receiver(Wire::EventSource);
    client.expect("o").await;
    let (sender, mut receiver) = sessions.next().await.split();
    let waiting = tokio::spawn(async move { receiver.recv().await });

    sender.close(3000, "Go away!");

    client.expect(GO_AWAY).await;
    assert_eq!(within("the end", waiting).await.unwrap(), None);
}

#[tokio::test]
async fn a_message_goes_to_many_sessions() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let message = Message::from("to all \u{2028}");
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = server.peer().receiver(Wire::EventSource);
        client.expect("o").await;
        clients.push((client, sessions.next().await));
    }

    for (_, session) in &clients {
        session.send(message.clone()).await.unwrap();
    }

    for (client, session) in &mut clients {
        client.expect(r#"a["to all \u2028"]"#).await;
        // On a `&mut Session`, `close` is the method of `Sink`.
        Session::close(session, 3000, "Go away!");
        client.expect(GO_AWAY).await;
        assert_eq!(ending(session).await.cause(), Cause::ClosedByApp);
    }
}
