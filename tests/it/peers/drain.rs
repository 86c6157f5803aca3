//! A node that is about to be replaced leads its clients to the others.

use std::time::Duration;

use support::{Wire, received};

use super::{peers, start};

#[tokio::test]
async fn attached_responses_end_without_loss_and_clients_come_back_through_others() {
    let (_nodes, mut three) = start(|layer| layer).await;
    let handle = three[0].handle.clone();
    let mut attached = Vec::new();
    for wire in Wire::ALL {
        let [a, b, _] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = a.receiver(wire);
        receiver.attach().await;
        attached.push((wire, session, receiver, b));
    }
    let draining = tokio::spawn(async move { handle.drain(Duration::from_secs(600)).await });
    for (wire, mut session, mut receiver, b) in attached {
        assert_eq!(receiver.next_frame().await, "h", "{wire:?}");
        receiver.complete().await;
        // The session lives on the draining node, and its client is served by another one.
        session.try_send("x").unwrap();
        let mut through = b.receiver(wire);
        assert_eq!(through.messages(1).await, ["x"], "{wire:?}");
        b.send(r#"["y"]"#).await;
        assert_eq!(received(&mut session).await, "y");
        drop(session);
        through.next_frame().await;
    }
    let left = support::within("the end of the drain", draining).await;
    assert_eq!(left.unwrap(), 0);
}

#[tokio::test]
async fn responses_of_a_draining_node_close_their_connections() {
    let (_nodes, mut three) = start(|layer| layer).await;
    let handle = three[0].handle.clone();
    let [a, ..] = peers(&three);
    a.open().await;
    let session = three[0].sessions.next().await;
    assert_eq!(handle.drain(Duration::ZERO).await, 1);
    session.try_send("x").unwrap();
    let poll = a.post("xhr").send().await;
    assert_eq!(poll.header("connection"), Some("close"));
    assert_eq!(poll.text().await, "a[\"x\"]\n");
    let send = a.post("xhr_send").body("[]").send().await;
    assert_eq!(
        (send.status, send.header("connection")),
        (204, Some("close"))
    );
    // New sessions are opened: the load balancer may not have heard.
    let new = three[0].server.peer();
    let opened = new.post("xhr").send().await;
    assert_eq!(opened.header("connection"), Some("close"));
    assert_eq!(opened.text().await, "o\n");
    let info = three[0].server.get("/echo/info").send().await;
    assert_eq!((info.status, info.header("connection")), (200, None));
}

/// The clients of sessions of other nodes are attached to this one.
#[tokio::test]
async fn relayed_responses_end_without_loss_on_the_node_that_drains() {
    for wire in Wire::ALL {
        let (_nodes, mut three) = start(|layer| layer).await;
        let [a, b, c] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = b.receiver(wire);
        receiver.attach().await;

        three[1].handle.drain(Duration::ZERO).await;
        let handle = three[1].handle.clone();
        let drain = tokio::spawn(async move { handle.drain(Duration::from_secs(600)).await });
        assert_eq!(receiver.next_frame().await, "h", "{wire:?}");
        receiver.complete().await;
        assert_eq!(drain.await.unwrap(), 0);

        session.try_send("x").unwrap();
        assert_eq!(c.receiver(wire).messages(1).await, ["x"], "{wire:?}");
    }
}

#[tokio::test]
async fn a_shutdown_waits_for_the_responses_that_it_relays() {
    for wire in Wire::ALL {
        let (_nodes, mut three) = start(|layer| layer).await;
        let [a, b, c] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = b.receiver(wire);
        receiver.attach().await;

        let handle = three[1].handle.clone();
        let stop = tokio::spawn(async move { handle.shutdown(Duration::from_secs(600)).await });
        assert_eq!(receiver.next_frame().await, "h", "{wire:?}");
        receiver.complete().await;
        stop.await.unwrap();
        // A client that comes nevertheless is answered at once.
        assert_eq!(b.receiver(wire).next_frame().await, "h", "{wire:?}");
        session.try_send("x").unwrap();
        assert_eq!(c.receiver(wire).messages(1).await, ["x"], "{wire:?}");
    }
}
