//! While slow extractors run, other requests and sessions go on.

use support::{Opening, Wire, within};

use super::{Gated, Verdict, none_left};
use crate::receive::{ANOTHER_CONNECTION, GO_AWAY};

#[tokio::test]
async fn one_of_two_first_requests_opens_the_session() {
    for one in Wire::ALL {
        for other in Wire::ALL {
            let mut gated = Gated::start(|layer| layer).await;
            let peer = gated.server.peer();
            let mut first = peer.receive(one).start().await;
            let at_gate = gated.waiting().await;
            let mut second = peer.receive(other).start().await;
            gated.accept().await;
            at_gate.send(Verdict::Accept).expect("the request waits");

            // There is one session, and one handler runs.
            let session = gated.session().await;
            assert_eq!(gated.handle.len(), 1);
            // A receiver that came while the other was attached is refused; one that came after the
            // other was complete gets the message.
            session.try_send("x").expect("the session is open");
            tokio::select! {
                () = first.answered() => {}
                () = second.answered() => {}
            }
            let mut bodies = Vec::new();
            for (pending, wire) in [(first, one), (second, other)] {
                let mut response = pending.response().await;
                assert_eq!(response.status, 200, "{one:?}, {other:?}");
                wire.expect_prelude(&mut response).await;
                let frame = wire.next_frame(&mut response).await;
                bodies.push((frame, response));
            }
            let frames: Vec<_> = bodies.iter().map(|(frame, _)| &**frame).collect();
            let opened = frames.iter().filter(|frame| **frame == "o").count();
            assert_eq!(opened, 1, "{one:?}, {other:?}: {frames:?}");
            let rest: Vec<_> = frames.iter().filter(|frame| **frame != "o").collect();
            assert!(
                [ANOTHER_CONNECTION, r#"a["x"]"#].contains(rest[0]),
                "{one:?}, {other:?}: {frames:?}"
            );
            assert!(gated.sessions.is_empty(), "one handler runs");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_refused_does_not_harm_another_that_opens_the_same_session() {
    for order in [
        [Verdict::Refuse, Verdict::Accept],
        [Verdict::Accept, Verdict::Refuse],
    ] {
        let mut gated = Gated::start(|layer| layer).await;
        let peer = gated.server.peer();
        let mut requests = Vec::new();
        for verdict in order {
            let request = peer.post("xhr").start().await;
            requests.push((request, gated.waiting().await, verdict));
        }
        for (request, waiting, verdict) in requests {
            waiting.send(verdict).expect("the request waits");
            let response = request.response().await;
            match verdict {
                Verdict::Accept => assert_eq!(response.text().await, "o\n"),
                _ => assert_eq!(response.status, 401),
            }
        }
        let session = gated.session().await;
        assert_eq!(gated.handle.len(), 1);
        session.try_send("x").expect("the session is open");
        assert_eq!(peer.poll().await, "a[\"x\"]\n");
    }
}

#[tokio::test]
async fn a_slow_first_request_joins_the_session_that_another_opened() {
    let mut gated = Gated::start(|layer| layer).await;
    let peer = gated.server.peer();
    let slow = peer.post("xhr").start().await;
    let slow_at_gate = gated.waiting().await;
    let quick = peer.post("xhr").start().await;
    gated.accept().await;
    assert_eq!(quick.response().await.text().await, "o\n");
    let session = gated.session().await;

    session.try_send("x").expect("the session is open");
    slow_at_gate
        .send(Verdict::Accept)
        .expect("the request waits");

    assert_eq!(slow.response().await.text().await, "a[\"x\"]\n");
    assert!(gated.sessions.is_empty(), "no handler runs for it");
}

#[tokio::test]
async fn a_slow_first_request_does_not_revive_a_session_that_ended_meanwhile() {
    let mut gated = Gated::start(|layer| layer).await;
    let peer = gated.server.peer();
    let slow = peer.post("xhr").start().await;
    let slow_at_gate = gated.waiting().await;
    let quick = peer.post("xhr").start().await;
    gated.accept().await;
    assert_eq!(quick.response().await.text().await, "o\n");
    gated.session().await.close(3000, "Go away!");
    assert_eq!(peer.poll().await, format!("{GO_AWAY}\n"));
    none_left(&gated.handle).await;

    slow_at_gate
        .send(Verdict::Accept)
        .expect("the request waits");

    assert_eq!(slow.response().await.text().await, format!("{GO_AWAY}\n"));
    assert!(gated.sessions.is_empty(), "no handler runs for it");
}

#[tokio::test]
async fn a_client_that_leaves_while_extractors_run_opens_no_session() {
    let mut gated = Gated::start(|layer| layer.max_sessions(1)).await;

    for opening in Opening::ALL {
        let path = opening.path("/echo/000/abc");
        let request = opening.request(&gated.server, &path).start().await;
        let mut waiting = gated.waiting().await;

        request.into_connection().reset();

        within("the end of the request", waiting.closed()).await;
        assert!(gated.handle.is_empty(), "{opening:?}");
    }
    // The only place is free, and the id is nobody's.
    let request = gated.server.peer_at("/echo/000/abc").post("xhr");
    let request = request.start().await;
    gated.accept().await;
    assert_eq!(request.response().await.text().await, "o\n");
}

#[tokio::test]
async fn a_session_whose_extractors_run_does_not_count_but_holds_its_place() {
    let mut gated = Gated::start(|layer| layer.max_sessions(1)).await;
    let peer = gated.server.peer();
    let first = peer.post("xhr").start().await;
    let at_gate = gated.waiting().await;

    assert!(gated.handle.is_empty());
    assert_eq!(peer.send_status(r#"["x"]"#).await, 404);
    let another = gated.server.peer().post("xhr").send().await;
    assert_eq!(another.status, 503);

    at_gate.send(Verdict::Accept).expect("the request waits");
    assert_eq!(first.response().await.text().await, "o\n");
    gated.session().await;
}

#[tokio::test]
async fn other_sessions_do_not_wait_for_slow_extractors() {
    let mut gated = Gated::start(|layer| layer).await;
    let peer = gated.server.peer();
    let open = peer.post("xhr").start().await;
    gated.accept().await;
    assert_eq!(open.response().await.text().await, "o\n");
    let session = gated.session().await;
    let mut stuck = Vec::new();
    for _ in 0..50 {
        let request = gated.server.peer().post("xhr").start().await;
        stuck.push((request, gated.waiting().await));
    }

    session.try_send("x").expect("the session is open");

    assert_eq!(peer.poll().await, "a[\"x\"]\n");
    assert_eq!(gated.handle.len(), 1);
}
