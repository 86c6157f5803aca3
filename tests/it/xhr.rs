use std::time::Duration;

use support::{Server, Wire};
use tokio::time::timeout;

use crate::receive::receive_tests;

receive_tests!(Wire::Xhr);

/// P19: Polling.
#[tokio::test]
async fn bytes_of_a_session() {
    let server = Server::echo(|layer| layer).await;
    let path = support::unique_path("/echo");
    let mut connection = server.connect().await;

    let response = connection.post(&format!("{path}/xhr")).send().await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert_eq!(response.header("content-length"), Some("2"));
    assert_eq!(response.bytes().await, b"o\n");

    let send = connection
        .post(&format!("{path}/xhr_send"))
        .body(r#"["x"]"#)
        .send()
        .await;
    assert_eq!(send.status, 204);

    let response = connection.post(&format!("{path}/xhr")).send().await;
    assert_eq!(response.status, 200);
    assert_eq!(response.bytes().await, b"a[\"x\"]\n");
}

/// P19: Polling.
#[tokio::test]
async fn a_poll_waits_for_a_message() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    let mut poll = peer.receiver(Wire::Xhr);
    poll.attach().await;
    peer.send(r#"["x","y"]"#).await;

    assert_eq!(poll.messages(2).await, ["x", "y"]);
}

#[tokio::test]
async fn the_body_of_a_poll_is_ignored() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();

    let response = peer.post("xhr").body(r#"["not sent"]"#).send().await;
    assert_eq!(response.text().await, "o\n");
    peer.send(r#"["x"]"#).await;
    let response = peer.post("xhr").chunks(["[", "\"not sent\"]"]).send().await;
    assert_eq!(response.text().await, "a[\"x\"]\n");
}

/// P58: HTTP/1.1.
#[tokio::test]
async fn polls_keep_their_connection() {
    let server = Server::echo(|layer| layer).await;
    let path = support::unique_path("/echo");
    let mut connection = server.connect().await;
    connection
        .post(&format!("{path}/xhr"))
        .send()
        .await
        .bytes()
        .await;

    for n in 0..200 {
        let body = format!(r#"["{n}"]"#);
        let response = connection
            .post(&format!("{path}/xhr_send"))
            .body(&body)
            .send()
            .await;
        assert_eq!(response.header("connection"), None);
        response.end().await;
        let response = connection.post(&format!("{path}/xhr")).send().await;
        assert_eq!(response.header("connection"), None);
        assert_eq!(response.text().await, format!("a{body}\n"));
    }
}

#[tokio::test]
async fn one_frame_carries_all_waiting_messages() {
    let (server, mut sessions) =
        Server::capture(|layer| layer.frame_limit(1 << 20).response_limit(1)).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    let messages: Vec<_> = (0..9).map(|n| n.to_string().repeat(50_000)).collect();

    for message in &messages {
        session.try_send(&**message).unwrap();
    }

    let expected = format!("a[\"{}\"]\n", messages.join("\",\""));
    assert_eq!(peer.poll().await, expected);
}

/// Two connections take turns thousands of times, client and server on threads of their own. A
/// response that is complete for the client must be complete for the session as well.
///
/// P11: Next receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_right_after_a_completed_one_is_never_refused() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let path = format!("{}/xhr", support::unique_path("/echo"));
    let mut connections = [server.connect().await, server.connect().await];
    connections[0].post(&path).send().await.bytes().await;
    let session = sessions.next().await;

    for n in 0..6000 {
        let pending = connections[n % 2].post(&path).start().await;
        // Answered from the queue, or woken while it waits: both must detach in time.
        session.try_send(n.to_string()).unwrap();
        let body = pending.response().await.text().await;
        assert_eq!(body, format!("a[\"{n}\"]\n"));
    }
}

#[tokio::test]
async fn a_poll_that_is_lost_with_its_answer_repeats_nothing() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    session.try_send("1").unwrap();

    // The client disconnects before it reads the answer.
    let lost = peer.post("xhr").start().await;
    lost.into_connection().reset();

    // The lost request takes some of the messages, or ends the session; the next ones get the rest.
    let mut bodies = String::new();
    let mut count = 1;
    for _ in 0..5 {
        let mut poll = peer.post("xhr").start().await;
        let pause = Duration::from_millis(5);
        while timeout(pause, poll.answered()).await.is_err() {
            count += 1;
            session.try_send(count.to_string()).ok();
        }
        bodies.push_str(&poll.response().await.text().await);
    }
    for n in 1..=count {
        let message = format!("\"{n}\"");
        assert!(bodies.matches(&message).count() <= 1, "{bodies}");
    }
}
