//! What the application sees of a session on a WebSocket.

use futures_util::{SinkExt, StreamExt as _};
use sockjs_axum::{Cause, Message, Session, SessionState, Transport};
use support::{Frame, Server, ending, within};
use tokio::task::JoinSet;

use super::{PATH, assert_ended, open};

#[tokio::test]
async fn a_session_knows_where_it_comes_from() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    let handshake = server.websocket("/echo/000/secret/websocket?room=7");
    let mut socket = handshake.header("X-Name", "value").open().await;
    socket.expect("o").await;
    let session = sessions.next().await;

    assert_eq!(session.transport(), Transport::WebSocket);
    assert_eq!(session.prefix(), "/echo");
    assert_eq!(session.path(), "/echo/000/-/websocket");
    assert_eq!(session.uri().query(), Some("room=7"));
    assert_eq!(session.headers()["x-name"], "value");
    let addr = session.remote_addr().expect("the server knows");
    assert!(addr.ip().is_loopback());
    assert_eq!(session.state(), SessionState::Open);
}

#[tokio::test]
async fn a_split_session_is_used_from_several_tasks() {
    const TASKS: usize = 8;
    const EACH: usize = 50;
    let (_server, mut socket, session) = open(|layer| layer.send_buffer(500)).await;
    let id = session.id();

    let (sender, mut receiver) = session.split();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..EACH {
                sender.send(format!("{task} {n}")).await.unwrap();
            }
        });
    }
    let receiving = tokio::spawn(async move {
        for n in 0..EACH {
            let message = receiver.recv().await.expect("the session is open");
            assert_eq!(message, n.to_string());
        }
        receiver
    });
    for n in 0..EACH {
        socket.send_text(format!("[\"{n}\"]")).await;
    }

    let mut messages = socket.messages(TASKS * EACH).await;
    // The messages of each task arrive in the order in which the task sent them.
    messages.sort_by_key(|message| message.split(' ').next().unwrap().to_owned());
    let expected = (0..TASKS).flat_map(|task| (0..EACH).map(move |n| format!("{task} {n}")));
    assert_eq!(messages, expected.collect::<Vec<_>>());
    while let Some(task) = within("a task", tasks.join_next()).await {
        task.unwrap();
    }
    let receiver = within("the messages", receiving).await.unwrap();
    assert_eq!(sender.id(), id);
    sender.send("still open").await.unwrap();
    socket.expect(r#"a["still open"]"#).await;
    // The handler has returned, so that a sender does not keep the session without a receiver.
    drop(receiver);
    assert!(sender.is_closed());
    socket.expect(r#"c[1000,"Normal closure"]"#).await;
}

#[tokio::test]
async fn a_receiver_alone_keeps_the_session() {
    let (_server, mut socket, session) = open(|layer| layer).await;

    let (sender, mut receiver) = session.split();
    drop(sender);
    socket.send_text(r#"["x"]"#).await;

    let message = within("a message", receiver.recv()).await;
    assert_eq!(message.unwrap(), "x");
    socket.send(Frame::close(1000, "")).await;
    let ending = within("the end", receiver.closed()).await;
    assert_eq!(ending.cause(), Cause::ClosedByClient);
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn a_session_is_a_stream_and_a_sink() {
    let handler = |session: Session| async move {
        let (sender, receiver) = session.split();
        let shouts = receiver.map(|message| Ok(message.to_uppercase().into()));
        shouts.forward(sender).await.ok();
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let mut socket = server.websocket(PATH).open().await;
    socket.expect("o").await;

    socket.send_text(r#"["a","b"]"#).await;

    assert_eq!(socket.messages(2).await, ["A", "B"]);
}

#[tokio::test]
async fn a_sink_is_flushed_before_it_is_closed() {
    let (_server, mut socket, mut session) = open(|layer| layer.send_buffer(1)).await;

    let sending = async {
        for message in ["1", "2", "3"] {
            session.feed(message.into()).await.unwrap();
        }
        within("the session's end", SinkExt::close(&mut session))
            .await
            .unwrap();
        session
    };
    let reading = async {
        let messages = socket.messages(3).await;
        socket.expect(r#"c[1000,"Normal closure"]"#).await;
        messages
    };
    let (session, messages) = tokio::join!(sending, reading);

    assert_eq!(messages, ["1", "2", "3"]);
    assert_ended(&session, Cause::ClosedByApp, 1000, "Normal closure").await;
}

#[tokio::test]
async fn a_stream_ends_after_the_last_message() {
    let (_server, mut socket, session) = open(|layer| layer).await;

    socket.send_text(r#"["a","b"]"#).await;
    socket.send_text(r#"["c"]"#).await;
    socket.send(Frame::close(1000, "")).await;
    ending(&session).await;

    let messages: Vec<Message> = within("the end", session.collect()).await;
    assert_eq!(messages, ["a", "b", "c"]);
}
