//! What clients and applications hear when a node, the way to it, or the directory is lost.

use sockjs_axum::Cause;
use support::{Wire, ending};

use super::{peers, start};

const GOING_AWAY: &str = r#"c[1001,"Going away"]"#;

/// P68: Clusters.
#[tokio::test]
async fn a_lost_owner_is_told_with_a_close_frame() {
    for wire in Wire::ALL {
        let (nodes, mut three) = start(|layer| layer).await;
        let [a, b, c] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = b.receiver(wire);
        receiver.attach().await;
        if wire.streams() {
            session.try_send("x").unwrap();
            assert_eq!(receiver.messages(1).await, ["x"]);
        }

        nodes.cut(0);

        assert_eq!(receiver.next_frame().await, GOING_AWAY, "{wire:?}");
        // On its side, the owner has lost its client.
        assert_eq!(
            ending(&session).await.cause(),
            Cause::ReceiverLost,
            "{wire:?}"
        );
        assert_eq!(c.answer(wire).await, wire.frame(GOING_AWAY), "{wire:?}");
        let status = c.send_status("[]").await;
        assert_eq!(status, 503, "the node may be there");
    }
}

#[tokio::test]
async fn a_lost_relay_loses_the_receiver() {
    for wire in Wire::ALL {
        let (nodes, mut three) = start(|layer| layer).await;
        let [a, b, _] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = b.receiver(wire);
        receiver.attach().await;

        nodes.cut(1);

        assert_eq!(
            ending(&session).await.cause(),
            Cause::ReceiverLost,
            "{wire:?}"
        );
        let told = a.answer(wire).await;
        assert_eq!(told, wire.frame(crate::receive::INTERRUPTED), "{wire:?}");
    }
}

#[tokio::test]
async fn a_lost_client_is_lost_to_the_owner() {
    let (_nodes, mut three) = start(|layer| layer).await;
    for wire in Wire::ALL {
        let [a, b, _] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        let mut receiver = b.receiver(wire);
        receiver.attach().await;

        receiver.into_connection().reset();

        assert_eq!(
            ending(&session).await.cause(),
            Cause::ReceiverLost,
            "{wire:?}"
        );
    }
}

/// A page cannot see that its form is lost.
#[tokio::test]
async fn a_form_that_breaks_off_ends_its_session_through_any_node() {
    let (_nodes, mut three) = start(|layer| layer).await;
    let [a, b, _] = peers(&three);
    a.open().await;
    let session = three[0].sessions.next().await;
    let mut receiver = a.receiver(Wire::XhrStreaming);
    receiver.attach().await;
    let mut connection = three[1].server.connect().await;
    let path = b.path("jsonp_send");
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n[\"x\"");
    connection.write(head).await;
    connection.half_close().await;
    assert_eq!(receiver.next_frame().await, crate::receive::INTERRUPTED);
    assert_eq!(ending(&session).await.cause(), Cause::ReceiverLost);
}

/// P68: Clusters.
#[tokio::test]
async fn without_the_directory_known_sessions_go_on_and_others_wait() {
    let (nodes, mut three) = start(|layer| layer).await;
    let [a, b, _] = peers(&three);
    a.open().await;
    let session = three[0].sessions.next().await;
    nodes.set_away(true);

    session.try_send("x").unwrap();
    assert_eq!(a.poll().await, "a[\"x\"]\n");
    a.send("[]").await;
    for wire in Wire::ALL {
        let refused = b.receive(wire).send().await;
        assert_eq!(refused.status, 503, "{wire:?}");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(refused.text().await, "The session cannot be found now.");
    }
    assert_eq!(b.send_status("[]").await, 503);

    nodes.set_away(false);
    session.try_send("y").unwrap();
    assert_eq!(b.poll().await, "a[\"y\"]\n");
}

#[tokio::test]
async fn a_session_whose_owner_has_forgotten_it_is_over() {
    let (nodes, mut three) = start(|layer| layer).await;
    for wire in Wire::ALL {
        let [a, b, _] = peers(&three);
        a.open().await;
        // The directory still leads to the node, and the node knows nothing.
        let session = three[0].sessions.next().await;
        nodes.move_sessions(0, 2);
        assert_eq!(b.answer(wire).await, wire.frame(GOING_AWAY), "{wire:?}");
        assert_eq!(b.send_status("[]").await, 404, "{wire:?}");
        drop(session);
    }
}
