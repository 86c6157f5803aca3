//! A response is delivered when its client has it, and not when the owner has written it.

use std::time::Duration;

use sockjs_axum::Cause;
use support::{Wire, ending, within};

use super::{peers, start};
use crate::receive::{ANOTHER_CONNECTION, INTERRUPTED};

/// P69: Settling.
#[tokio::test]
async fn the_next_request_waits_until_the_client_has_the_response() {
    for first in Wire::ALL {
        for second in Wire::ALL {
            // A stream ends after each frame.
            let (nodes, mut three) = start(|layer| layer.response_limit(1)).await;
            let [a, b, c] = peers(&three);
            a.open().await;
            let session = three[0].sessions.next().await;
            nodes.hold_confirmations(true);
            session.try_send("x").unwrap();
            assert_eq!(b.answer(first).await, first.frame(r#"a["x"]"#));

            session.try_send("y").unwrap();
            let mut waiting = c.receive(second).start().await;
            // It is attached, so that a third one is turned away.
            let third = async { while a.poll().await != format!("{ANOTHER_CONNECTION}\n") {} };
            tokio::select! {
                () = waiting.answered() => panic!("{second:?} is not to be answered yet"),
                () = within("a third", third) => {}
            }
            nodes.hold_confirmations(false);
            let mut response = waiting.response().await;
            second.expect_prelude(&mut response).await;
            assert_eq!(response.text().await, second.frame(r#"a["y"]"#));
        }
    }
}

/// A client that asks again would otherwise miss the messages of the response that was lost.
///
/// P69: Settling.
#[tokio::test]
async fn a_response_whose_delivery_nobody_confirms_ends_the_session() {
    for wire in Wire::ALL {
        let (nodes, mut three) = start(|layer| layer.response_limit(1)).await;
        let [a, b, _] = peers(&three);
        a.open().await;
        let session = three[0].sessions.next().await;
        nodes.hold_confirmations(true);
        session.try_send("x").unwrap();
        assert_eq!(b.answer(wire).await, wire.frame(r#"a["x"]"#));
        session.try_send("y").unwrap();
        let waiting = a.receive(wire).start().await;

        nodes.cut(1);

        let mut response = waiting.response().await;
        wire.expect_prelude(&mut response).await;
        let told = response.text().await;
        assert!(!told.contains('y'), "{told}");
        if !wire.streams() {
            assert_eq!(told, wire.frame(INTERRUPTED));
        }
        assert_eq!(a.answer(wire).await, wire.frame(INTERRUPTED));
        assert_eq!(
            ending(&session).await.cause(),
            Cause::ReceiverLost,
            "{wire:?}"
        );
    }
}

/// The client may never take the response that was relayed.
#[tokio::test]
async fn a_request_that_waits_hears_the_end_of_its_session() {
    let (nodes, mut three) = start(|layer| layer).await;
    let [a, b, _] = peers(&three);
    a.open().await;
    let session = three[0].sessions.next().await;
    nodes.hold_confirmations(true);
    session.try_send("x").unwrap();
    assert_eq!(b.poll().await, "a[\"x\"]\n");
    let mut waiting = a.receive(Wire::Xhr).start().await;
    // It is attached.
    let third = async { while a.poll().await != format!("{ANOTHER_CONNECTION}\n") {} };
    tokio::select! {
        () = waiting.answered() => panic!("it is not to be answered yet"),
        () = within("a third", third) => {}
    }

    three[0].handle.shutdown(Duration::ZERO).await;

    let told = waiting.response().await.text().await;
    assert!(told.starts_with("c["), "{told}");
}
