//! Topics and messages to all, across nodes.

use std::time::Duration;

use sockjs_axum::SlowPolicy;
use support::until;

use super::start;

#[tokio::test]
async fn a_topic_reaches_the_members_on_all_nodes_once() {
    let (nodes, mut three) = start(|layer| layer).await;
    let mut members = Vec::new();
    for node in &mut three {
        for joins in [true, true, false] {
            let peer = node.server.peer();
            peer.open().await;
            let session = node.sessions.next().await;
            if joins {
                session.join("tea").unwrap();
            }
            members.push((peer, session, joins));
        }
    }
    assert_eq!(nodes.take_changed(), ["tea"; 3]);
    let except = members[4].1.id();
    let outcome = three[0]
        .handle
        .topic("tea")
        .send("x", SlowPolicy::Skip)
        .await;
    assert_eq!((outcome.sent, outcome.unpublished), (2, false));
    let topic = members[0].1.topic("tea");
    let outcome = topic.send_except(except, "y", SlowPolicy::Skip).await;
    assert_eq!(outcome.sent, 2);
    topic.local().send("z", SlowPolicy::Skip).await;
    for (n, (peer, session, joins)) in members.iter().enumerate() {
        session.try_send("end").unwrap();
        let expected = match (joins, n) {
            (false, _) => r#"a["end"]"#,
            (true, 4) => r#"a["x","end"]"#,
            (true, 0 | 1) => r#"a["x","y","z","end"]"#,
            (true, _) => r#"a["x","y","end"]"#,
        };
        assert_eq!(peer.poll().await, format!("{expected}\n"), "{n}");
    }
}

#[tokio::test]
async fn a_broadcast_reaches_the_sessions_of_all_nodes() {
    let (_nodes, mut three) = start(|layer| layer).await;
    let mut peers = Vec::new();
    for node in &mut three {
        let peer = node.server.peer();
        peer.open().await;
        peers.push((peer, node.sessions.next().await));
    }
    let handle = &three[1].handle;
    assert_eq!(handle.broadcast("x", SlowPolicy::Wait).await.sent, 1);
    assert_eq!(
        handle.local().broadcast("y", SlowPolicy::Wait).await.sent,
        1
    );
    handle.broadcast_to(|_| true, "z", SlowPolicy::Wait).await;
    for (n, (peer, session)) in peers.iter().enumerate() {
        session.try_send("end").unwrap();
        let expected = match n {
            1 => "a[\"x\",\"y\",\"z\",\"end\"]\n",
            _ => "a[\"x\",\"end\"]\n",
        };
        assert_eq!(peer.poll().await, expected, "{n}");
    }
}

#[tokio::test]
async fn a_message_that_is_not_published_reaches_the_members_of_its_node() {
    let (nodes, mut three) = start(|layer| layer).await;
    let peer = three[0].server.peer();
    peer.open().await;
    let session = three[0].sessions.next().await;
    session.join("tea").unwrap();
    nodes.set_away(true);
    let outcome = session.topic("tea").send("x", SlowPolicy::Wait).await;
    assert_eq!((outcome.sent, outcome.unpublished), (1, true));
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
    let outcome = session
        .topic("tea")
        .local()
        .send("x", SlowPolicy::Wait)
        .await;
    assert!(!outcome.unpublished);
}

/// No node waits for the clients of another one.
#[tokio::test]
async fn slow_sessions_of_other_nodes_are_skipped_or_closed() {
    for (slow, is_closed) in [
        (SlowPolicy::Skip, false),
        (SlowPolicy::Close, true),
        (SlowPolicy::Wait, true),
    ] {
        let (_nodes, mut three) = start(|layer| layer.send_buffer(1)).await;
        let peer = three[0].server.peer();
        peer.open().await;
        let session = three[0].sessions.next().await;
        session.join("tea").unwrap();
        session.try_send("full").unwrap();

        let send = three[1].handle.topic("tea");
        support::within("the message", send.send("x", slow)).await;

        if is_closed {
            until("the end", || three[0].handle.is_empty()).await;
        } else {
            assert_eq!(peer.poll().await, "a[\"full\"]\n");
        }
    }
}

#[tokio::test]
async fn peers_hear_of_first_and_last_members_alone() {
    let (nodes, mut three) = start(|layer| layer).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        three[0].server.peer().open().await;
        sessions.push(three[0].sessions.next().await);
    }
    for session in &sessions {
        session.join("tea").unwrap();
    }
    assert!(nodes.has_members(0, "tea") && !nodes.has_members(1, "tea"));
    sessions[0].leave("tea");
    three[0].handle.topic("tea").close(3000, "Go away!");
    assert_eq!(nodes.take_changed(), ["tea"]);
    drop(sessions);
    let handle = &three[0].handle;
    handle.shutdown(Duration::ZERO).await;
    until("the end", || handle.is_empty()).await;
    assert_eq!(nodes.take_changed(), ["tea"]);
    assert!(!nodes.has_members(0, "tea"));
}
