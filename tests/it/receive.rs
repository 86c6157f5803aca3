//! What every receive transport does. Each of the five modules with the name of a transport runs
//! each function here as a test.

use std::time::Duration;

use sockjs_axum::Cause;
use support::{Server, Wire, assert_not_cached, ending, received, within};

/// Declares this module's tests for one transport.
macro_rules! receive_tests {
    ($wire:expr) => {
        $crate::receive::receive_tests! {
            $wire;
            a_response_has_these_headers_and_no_others
            first_request_opens_the_session
            messages_come_back_in_order
            waiting_messages_share_one_frame
            messages_before_a_close_come_first
            messages_before_a_close_come_first_to_an_absent_client
            a_close_ends_the_attached_request
            a_close_is_repeated_to_every_later_request
            a_second_receiver_is_turned_away_and_changes_nothing
            a_closed_connection_ends_the_session
            a_reset_connection_ends_the_session
            a_half_closed_connection_ends_the_session
            silence_causes_heartbeats
            an_absent_client_loses_its_session
            nothing_is_lost_between_two_requests
            the_request_after_a_complete_response_attaches
        }
    };
    ($wire:expr; $($behaviour:ident)*) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                $crate::receive::$behaviour($wire).await;
            }
        )*
    };
}
pub(crate) use receive_tests;

pub(crate) const GO_AWAY: &str = r#"c[3000,"Go away!"]"#;
pub(crate) const INTERRUPTED: &str = r#"c[1002,"Connection interrupted"]"#;
pub(crate) const ANOTHER_CONNECTION: &str = r#"c[2010,"Another connection still open"]"#;

/// P49: Streaming headers.
pub(crate) async fn a_response_has_these_headers_and_no_others(wire: Wire) {
    let server = Server::echo(|layer| layer).await;

    let response = server.peer().receive(wire).send().await;

    assert_eq!((&*response.version, response.status), ("HTTP/1.1", 200));
    assert_eq!(response.header("content-type"), Some(wire.content_type()));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_not_cached(&response);
    let mut names = vec![
        "cache-control",
        "content-type",
        "date",
        "x-content-type-options",
    ];
    if matches!(wire, Wire::Xhr | Wire::XhrStreaming | Wire::EventSource) {
        names.extend(["access-control-allow-origin", "vary"]);
    }
    if wire.streams() {
        assert_eq!(response.header("x-accel-buffering"), Some("no"));
        assert_eq!(response.header("transfer-encoding"), Some("chunked"));
        // Compression layers and proxies leave alone what has an encoding, even none.
        assert_eq!(response.header("content-encoding"), Some("identity"));
        names.extend(["content-encoding", "transfer-encoding", "x-accel-buffering"]);
    } else {
        let length = wire.frame("o").len().to_string();
        assert_eq!(response.header("content-length"), Some(&*length));
        names.push("content-length");
    }
    names.sort_unstable();
    assert_eq!(response.headers.names(), names);
}

/// P7: Open frame.
pub(crate) async fn first_request_opens_the_session(wire: Wire) {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    server.peer().receiver(wire).expect("o").await;

    assert_eq!(sessions.next().await.transport(), wire.transport());
    assert!(sessions.is_empty());
}

/// P8: Message frames.
pub(crate) async fn messages_come_back_in_order(wire: Wire) {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(wire);
    receiver.expect("o").await;

    peer.send(r#"["a"]"#).await;
    receiver.expect(r#"a["a"]"#).await;

    peer.send("[]").await;
    peer.send(r#"["b","c"]"#).await;
    peer.send(r#"["d"]"#).await;
    assert_eq!(receiver.messages(3).await, ["b", "c", "d"]);
}

/// P8: Message frames.
pub(crate) async fn waiting_messages_share_one_frame(wire: Wire) {
    // With this limit a stream is over after every frame, so that messages have to wait.
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(1)).await;
    let mut receiver = server.peer().receiver(wire);
    receiver.expect("o").await;
    receiver.complete().await;
    let session = sessions.next().await;

    for message in ["1", "2", "3"] {
        session.try_send(message).expect("the session is open");
    }

    receiver.expect(r#"a["1","2","3"]"#).await;
    receiver.complete().await;
    session.try_send("4").expect("the session is open");
    receiver.expect(r#"a["4"]"#).await;
}

/// P9: Close frame.
pub(crate) async fn messages_before_a_close_come_first(wire: Wire) {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut receiver = server.peer().receiver(wire);
    receiver.expect("o").await;
    let session = sessions.next().await;

    session.try_send("1").expect("the session is open");
    session.try_send("2").expect("the session is open");
    session.close(3000, "Go away!");

    assert_eq!(receiver.messages(2).await, ["1", "2"]);
    receiver.expect(GO_AWAY).await;
    receiver.complete().await;
    let ending = ending(&session).await;
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::ClosedByApp, 0)
    );
    assert_eq!(
        (ending.reason().code(), ending.reason().reason()),
        (3000, "Go away!")
    );
}

/// P9: Close frame.
pub(crate) async fn messages_before_a_close_come_first_to_an_absent_client(wire: Wire) {
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(1)).await;
    let mut receiver = server.peer().receiver(wire);
    receiver.expect("o").await;
    receiver.complete().await;
    let session = sessions.next().await;

    session.try_send("1").expect("the session is open");
    session.try_send("2").expect("the session is open");
    session.close(3000, "Go away!");

    receiver.expect(r#"a["1","2"]"#).await;
    receiver.complete().await;
    receiver.expect(GO_AWAY).await;
    receiver.complete().await;
}

/// P9: Close frame.
pub(crate) async fn a_close_ends_the_attached_request(wire: Wire) {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut receiver = server.peer().receiver(wire);
    receiver.expect("o").await;
    let session = sessions.next().await;
    receiver.attach().await;

    session.close(3000, "Go away!");

    receiver.expect(GO_AWAY).await;
    receiver.complete().await;
}

/// P15: Closed by the application.
pub(crate) async fn a_close_is_repeated_to_every_later_request(wire: Wire) {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(wire);
    receiver.expect("o").await;
    sessions.next().await.close(3000, "Go away!");
    receiver.expect(GO_AWAY).await;
    receiver.complete().await;

    for _ in 0..3 {
        for other in Wire::ALL {
            assert_eq!(peer.answer(other).await, other.frame(GO_AWAY), "{other:?}");
        }
    }

    assert_eq!(peer.send_status(r#"["lost"]"#).await, 404);
    assert_eq!(
        peer.post("jsonp_send")
            .body(r#"["lost"]"#)
            .send()
            .await
            .status,
        404
    );
    assert!(sessions.is_empty());
}

/// P10: One receiver.
/// Limit: receive requests at a time
pub(crate) async fn a_second_receiver_is_turned_away_and_changes_nothing(wire: Wire) {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    let mut first = peer.receiver(wire);
    first.expect("o").await;
    first.attach().await;

    for other in Wire::ALL {
        assert_eq!(
            peer.answer(other).await,
            other.frame(ANOTHER_CONNECTION),
            "{other:?}"
        );
    }

    peer.send(r#"["x"]"#).await;
    first.expect(r#"a["x"]"#).await;
    peer.send(r#"["y"]"#).await;
    first.expect(r#"a["y"]"#).await;
}

/// P14: Lost receiver.
pub(crate) async fn a_closed_connection_ends_the_session(wire: Wire) {
    lost_receiver(wire, Gone::Closed).await;
}

/// P14: Lost receiver.
pub(crate) async fn a_reset_connection_ends_the_session(wire: Wire) {
    lost_receiver(wire, Gone::Reset).await;
}

/// P14: Lost receiver.
pub(crate) async fn a_half_closed_connection_ends_the_session(wire: Wire) {
    lost_receiver(wire, Gone::HalfClosed).await;
}

#[derive(Clone, Copy)]
enum Gone {
    Closed,
    Reset,
    HalfClosed,
}

async fn lost_receiver(wire: Wire, gone: Gone) {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(wire);
    receiver.expect("o").await;
    let mut session = sessions.next().await;
    peer.send(r#"["received"]"#).await;
    receiver.attach().await;

    let mut connection = receiver.into_connection();
    let kept = match gone {
        Gone::Closed => {
            drop(connection);
            None
        }
        Gone::Reset => {
            connection.reset();
            None
        }
        Gone::HalfClosed => {
            connection.half_close().await;
            Some(connection)
        }
    };

    let ending = ending(&session).await;
    assert_eq!(ending.cause(), Cause::ReceiverLost);
    assert_eq!(
        (ending.reason().code(), ending.reason().reason()),
        (1002, "Connection interrupted")
    );
    // What was received before is still handed out, and then the end.
    assert_eq!(received(&mut session).await, "received");
    assert_eq!(within("the end", session.recv()).await, None);
    for other in Wire::ALL {
        assert_eq!(
            peer.answer(other).await,
            other.frame(INTERRUPTED),
            "{other:?}"
        );
    }
    assert_eq!(peer.send_status(r#"["lost"]"#).await, 404);
    assert!(sessions.is_empty(), "no new session was opened");
    drop(kept);
}

/// P17: Heartbeats.
pub(crate) async fn silence_causes_heartbeats(wire: Wire) {
    let delay = Duration::from_millis(50);
    let server = Server::echo(|layer| layer.heartbeat_delay(delay)).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(wire);

    receiver.expect("o").await;
    receiver.expect("h").await;
    receiver.expect("h").await;

    peer.send(r#"["x"]"#).await;
    let mut frame = receiver.next_frame().await;
    while frame == "h" {
        frame = receiver.next_frame().await;
    }
    assert_eq!(frame, r#"a["x"]"#);
    receiver.expect("h").await;
}

/// P13: Absent client.
pub(crate) async fn an_absent_client_loses_its_session(wire: Wire) {
    let delay = Duration::from_millis(100);
    let configure =
        |layer: sockjs_axum::SockJsLayer| layer.response_limit(1).disconnect_delay(delay);
    let (server, mut sessions) = Server::capture(configure).await;
    let peer = server.peer();
    let mut receiver = peer.receiver(wire);
    receiver.expect("o").await;
    receiver.complete().await;
    let session = sessions.next().await;

    let ending = ending(&session).await;

    assert_eq!(ending.cause(), Cause::DisconnectTimeout);
    assert_eq!(
        (ending.reason().code(), ending.reason().reason()),
        (1002, "Connection interrupted")
    );
    assert_eq!(peer.answer(wire).await, wire.frame(INTERRUPTED));
    assert_eq!(peer.send_status(r#"["lost"]"#).await, 404);
    assert!(sessions.is_empty(), "no new session was opened");
}

/// P12: Between receivers.
pub(crate) async fn nothing_is_lost_between_two_requests(wire: Wire) {
    const COUNT: usize = 3000;
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(200)).await;
    let mut receiver = server.peer().receiver(wire);
    receiver.expect("o").await;
    let session = sessions.next().await;

    let sender = tokio::spawn(async move {
        for n in 0..COUNT {
            session
                .send(format!("message {n}"))
                .await
                .expect("the session is open");
            // Now and then the client catches up, and a frame is short.
            if n % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
        session
    });
    let messages = receiver.messages(COUNT).await;

    let expected: Vec<_> = (0..COUNT).map(|n| format!("message {n}")).collect();
    assert_eq!(messages, expected);
    within("the sender", sender)
        .await
        .expect("the sender does not panic")
        .close(3000, "Go away!");
    assert_eq!(receiver.next_frame().await, GO_AWAY);
}

/// Two connections take turns; the next request leaves as soon as a response is complete.
///
/// P11: Next receiver.
pub(crate) async fn the_request_after_a_complete_response_attaches(wire: Wire) {
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(1)).await;
    let peer = server.peer();
    let mut connections = [server.connect().await, server.connect().await];
    let mut receiver = peer.receiver(wire);
    receiver.expect("o").await;
    receiver.complete().await;
    let session = sessions.next().await;

    for n in 0..200 {
        let connection = &mut connections[n % 2];
        let request = connection.request(wire.method(), &peer.path(wire.endpoint()));
        let pending = request.start().await;
        session
            .try_send(n.to_string())
            .expect("the session is open");

        let mut response = pending.response().await;
        wire.expect_prelude(&mut response).await;
        let expected = wire.frame(&format!(r#"a["{n}"]"#));
        assert_eq!(response.text().await, expected, "response {n}");
    }
}
