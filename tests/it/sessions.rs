//! Sessions from the application's point of view, on every transport.

use axum::Router;
use http::{StatusCode, request::Parts};
use sockjs_axum::{Cause, Session, SessionState, SockJsLayer};
use support::{Server, Sessions, Wire, ending, received, within};

use crate::receive::{ANOTHER_CONNECTION, GO_AWAY};

/// P18: One mount.
#[tokio::test]
async fn a_session_belongs_to_its_mount() {
    let (one, mut ones) = Sessions::capture(SockJsLayer::new("/one"));
    let (two, mut twos) = Sessions::capture(SockJsLayer::new("/two"));
    let server = Server::start(Router::new().layer(one).layer(two)).await;
    let at_one = server.peer_at("/one/000/abc");
    let at_two = server.peer_at("/two/000/abc");

    at_one.open().await;
    assert_eq!(at_two.send_status(r#"["x"]"#).await, 404);
    at_two.open().await;

    let (mut one, two) = (ones.next().await, twos.next().await);
    at_one.send(r#"["1"]"#).await;
    assert_eq!(received(&mut one).await, "1");
    two.try_send("2").unwrap();
    assert_eq!(at_two.poll().await, "a[\"2\"]\n");
    two.close(3000, "Go away!");
    assert_eq!(at_two.poll().await, format!("{GO_AWAY}\n"));
    one.try_send("still here").unwrap();
    assert_eq!(at_one.poll().await, "a[\"still here\"]\n");
}

/// P12: Between receivers.
#[tokio::test]
async fn a_session_may_change_its_transport_from_request_to_request() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;

    for first in Wire::ALL {
        let peer = server.peer();
        assert_eq!(peer.answer(first).await, first.frame("o"));
        for wire in Wire::ALL {
            peer.send(r#"["by xhr_send"]"#).await;
            assert_eq!(
                peer.answer(wire).await,
                wire.frame(r#"a["by xhr_send"]"#),
                "{wire:?}"
            );
            let send = peer
                .post("jsonp_send")
                .body(r#"["by jsonp_send"]"#)
                .send()
                .await;
            assert_eq!(send.text().await, "ok");
            assert_eq!(
                peer.answer(wire).await,
                wire.frame(r#"a["by jsonp_send"]"#),
                "{wire:?}"
            );
        }
    }
}

/// P7: Open frame.
#[tokio::test]
async fn many_first_requests_open_one_session() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    for wire in [Wire::Xhr, Wire::Jsonp] {
        let peer = server.peer();
        let mut requests = Vec::new();
        for _ in 0..10 {
            requests.push(peer.receive(wire).start().await);
        }
        let session = sessions.next().await;
        session.close(3000, "Go away!");
        let mut answers = Vec::new();
        for request in requests {
            answers.push(request.response().await.text().await);
        }

        let count = |frame: &str| {
            let frame = wire.frame(frame);
            answers.iter().filter(|answer| **answer == frame).count()
        };
        assert_eq!(count("o"), 1, "{answers:?}");
        assert_eq!(count(GO_AWAY) + count(ANOTHER_CONNECTION), 9, "{answers:?}");
        assert!(sessions.is_empty());
    }
}

/// P63: Close codes.
#[tokio::test]
async fn an_application_that_drops_its_session_closes_it_with_1000() {
    let server = Server::echo(|layer| layer.on_session(|_: Session| async {})).await;

    for wire in Wire::ALL {
        let mut receiver = server.peer().receiver(wire);
        receiver.expect("o").await;
        receiver.expect(r#"c[1000,"Normal closure"]"#).await;
        receiver.complete().await;
    }

    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut receiver = server.peer().receiver(Wire::EventSource);
    receiver.expect("o").await;
    let session = sessions.next().await;
    session.try_send("last").unwrap();
    drop(session);
    receiver.expect(r#"a["last"]"#).await;
    receiver.expect(r#"c[1000,"Normal closure"]"#).await;
}

#[tokio::test]
async fn an_application_that_panics_closes_its_session_with_1011_and_no_other() {
    let handler = |mut session: Session| async move {
        while let Some(message) = session.recv().await {
            assert_ne!(&*message, "panic");
            session.send(message).await.ok();
        }
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let (panics, lives) = (server.peer(), server.peer());
    panics.open().await;
    lives.open().await;

    panics.send(r#"["panic"]"#).await;

    let close = panics.poll().await;
    assert!(
        close.starts_with("c[1011,\"") && close.ends_with("\"]\n"),
        "{close}"
    );
    assert_eq!(panics.poll().await, close);
    assert_eq!(panics.send_status(r#"["x"]"#).await, 404);
    lives.send(r#"["x"]"#).await;
    assert_eq!(lives.poll().await, "a[\"x\"]\n");
    server.peer().open().await;
}

/// P15: Closed by the application.
#[tokio::test]
async fn a_send_to_a_closing_session_is_404_and_a_bad_one_still_500() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    session.try_send("waits for a poll").unwrap();

    session.close(3000, "Go away!");

    assert_eq!(session.state(), SessionState::Closing);
    for body in [r#"["lost"]"#, "[]"] {
        assert_eq!(peer.send_status(body).await, 404);
        let send = peer.post("jsonp_send").body(body).send().await;
        assert_eq!(send.status, 404);
    }
    assert_eq!(peer.send_status("[5]").await, 500);
    assert_eq!(peer.poll().await, "a[\"waits for a poll\"]\n");
    assert_eq!(peer.poll().await, format!("{GO_AWAY}\n"));
    assert_eq!(peer.send_status("[5]").await, 500);
}

#[tokio::test]
async fn a_session_ends_once_and_received_messages_are_handed_out_first() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    assert_eq!(session.state(), SessionState::Open);
    peer.send(r#"["1","2"]"#).await;
    peer.send(r#"["3"]"#).await;

    session.close(3000, "Go away!");
    session.close(4000, "too late");

    assert!(session.try_send("too late").is_err());
    assert!(session.send("too late").await.is_err());
    for message in ["1", "2", "3"] {
        assert_eq!(received(&mut session).await, message);
    }
    assert_eq!(peer.poll().await, format!("{GO_AWAY}\n"));
    for _ in 0..3 {
        assert_eq!(within("the end", session.recv()).await, None);
    }
    for _ in 0..3 {
        let ending = ending(&session).await;
        assert_eq!(
            (ending.cause(), ending.reason().code()),
            (Cause::ClosedByApp, 3000)
        );
    }
    assert_eq!(session.state(), SessionState::Closed);
}

#[tokio::test]
async fn polls_of_a_closed_session_do_not_reach_the_application() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    sessions.next().await.close(3000, "Go away!");
    let mut connection = server.connect().await;

    for _ in 0..2000 {
        let response = connection.post(&peer.path("xhr")).send().await;
        assert_eq!(response.text().await, format!("{GO_AWAY}\n"));
    }

    assert!(sessions.is_empty());
}

#[tokio::test]
async fn a_rejection_answers_the_request_and_opens_no_session() {
    struct User;
    impl<S: Sync> axum::extract::FromRequestParts<S> for User {
        type Rejection = (StatusCode, &'static str);

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
            if parts.headers.contains_key("x-user") {
                Ok(Self)
            } else {
                Err(NOBODY)
            }
        }
    }
    const NOBODY: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "who are you?");
    let handler = |_: User, mut session: Session| async move {
        while let Some(message) = session.recv().await {
            session.send(message).await.ok();
        }
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;

    for wire in Wire::ALL {
        let peer = server.peer();
        let response = peer.receive(wire).send().await;
        assert_eq!(response.status, 401, "{wire:?}");
        assert_eq!(response.text().await, "who are you?", "{wire:?}");
        assert_eq!(peer.send_status(r#"["x"]"#).await, 404, "{wire:?}");

        // Extractors run on the request that opens the session.
        assert_eq!(
            peer.post("xhr")
                .header("X-User", "me")
                .send()
                .await
                .text()
                .await,
            "o\n"
        );
        peer.send(r#"["x"]"#).await;
        assert_eq!(peer.poll().await, "a[\"x\"]\n");
    }
}

#[tokio::test]
async fn the_address_is_that_of_the_last_receive_request() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    let mut first = server.connect().await;
    let mut second = server.connect().await;

    first.post(&peer.path("xhr")).send().await.bytes().await;
    let session = sessions.next().await;
    assert_eq!(session.remote_addr(), Some(first.local_addr()));

    session.try_send("x").unwrap();
    second.post(&peer.path("xhr")).send().await.bytes().await;
    assert_eq!(session.remote_addr(), Some(second.local_addr()));
}

#[tokio::test]
async fn two_sessions_have_two_ids() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    server.peer().open().await;
    server.peer().open().await;

    let (one, other) = (sessions.next().await, sessions.next().await);

    assert_ne!(one.id(), other.id());
}
