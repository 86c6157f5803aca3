use support::{Server, Wire, assert_cors};

use crate::receive::receive_tests;

receive_tests!(Wire::EventSource);

/// P20: Streaming.
#[tokio::test]
async fn bytes_of_a_session() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    let mut stream = server.peer().get("eventsource").send().await;

    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.header("transfer-encoding"), Some("chunked"));
    assert_eq!(stream.header("content-length"), None);
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    stream.expect("\r\ndata: o\r\n\r\n").await;
    let session = sessions.next().await;
    session.try_send("x").unwrap();
    stream.expect("data: a[\"x\"]\r\n\r\n").await;
    session.close(3000, "Go away!");
    stream.expect("data: c[3000,\"Go away!\"]\r\n\r\n").await;
    stream.end().await;
}

/// P22: eventsource.
#[tokio::test]
async fn percent_signs_survive_the_decoding_of_the_client() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut stream = server.peer().get("eventsource").send().await;
    stream.expect("\r\ndata: o\r\n\r\n").await;
    let session = sessions.next().await;

    session.try_send("100%41 %80 %%").unwrap();
    stream
        .expect("data: a[\"100%2541 %2580 %25%25\"]\r\n\r\n")
        .await;
    session.close(3000, "50%");
    stream.expect("data: c[3000,\"50%25\"]\r\n\r\n").await;
    stream.end().await;
}

#[tokio::test]
async fn line_ends_in_a_message_do_not_end_the_event() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut stream = server.peer().get("eventsource").send().await;
    stream.expect("\r\ndata: o\r\n\r\n").await;
    let session = sessions.next().await;

    session.try_send("a\r\n\r\ndata: b\rc\nd").unwrap();

    let expected = r#"data: a["a\r\n\r\ndata: b\rc\nd"]"#;
    stream.expect(format!("{expected}\r\n\r\n")).await;
    session.close(3000, "a\r\n\r\nb");
    stream
        .expect("data: c[3000,\"a\\r\\n\\r\\nb\"]\r\n\r\n")
        .await;
    stream.end().await;
}

/// P21: Response limit.
#[tokio::test]
async fn the_limit_counts_the_framing() {
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(4096)).await;
    // 11 bytes of `data: o` with its line ends, and 15 around the message.
    for (len, frames) in [(4096 - 11 - 15, 1), (4096 - 11 - 16, 2)] {
        let peer = server.peer();
        let mut stream = peer.get("eventsource").send().await;
        stream.expect("\r\ndata: o\r\n\r\n").await;
        let session = sessions.next().await;
        for _ in 0..frames {
            session.try_send("x".repeat(len)).unwrap();
            stream
                .expect(format!("data: a[\"{}\"]\r\n\r\n", "x".repeat(len)))
                .await;
        }
        stream.end().await;
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_listen() {
    let server = Server::echo(|layer| layer).await;

    let request = server
        .peer()
        .get("eventsource")
        .header("Origin", "https://app.example");
    let response = request.header("Accept", "text/event-stream").send().await;

    assert_eq!(response.status, 200);
    assert_cors(&response, Some("https://app.example"));
}
