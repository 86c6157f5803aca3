use support::{Response, Server, Wire};

use crate::receive::receive_tests;

receive_tests!(Wire::XhrStreaming);

/// Takes one chunk, which is text.
async fn chunk(response: &mut Response<'_>) -> String {
    let chunk = response.chunk().await.expect("the response goes on");
    String::from_utf8(chunk.to_vec()).expect("a chunk is UTF-8")
}

/// P20: Streaming.
#[tokio::test]
async fn prelude_and_every_frame_are_chunks_of_their_own() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    let mut stream = server.peer().post("xhr_streaming").send().await;

    assert_eq!(stream.status, 200);
    assert_eq!(
        stream.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert_eq!(stream.header("transfer-encoding"), Some("chunked"));
    assert_eq!(stream.header("content-length"), None);
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(chunk(&mut stream).await, "h".repeat(2048) + "\n");
    assert_eq!(chunk(&mut stream).await, "o\n");
    let session = sessions.next().await;
    for message in ["x", "y", "z"] {
        session.try_send(message).unwrap();
        assert_eq!(chunk(&mut stream).await, format!("a[\"{message}\"]\n"));
    }
    session.try_send("last").unwrap();
    session.close(3000, "Go away!");
    assert_eq!(chunk(&mut stream).await, "a[\"last\"]\n");
    assert_eq!(chunk(&mut stream).await, "c[3000,\"Go away!\"]\n");
    assert_eq!(stream.chunk().await, None);
}

/// P20: Streaming.
#[tokio::test]
async fn every_response_begins_with_the_prelude() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let peer = server.peer();

    let body = peer.post("xhr_streaming").send().await.text().await;
    assert_eq!(body, "h".repeat(2048) + "\no\n");
    peer.send(r#"["x"]"#).await;
    let body = peer.post("xhr_streaming").send().await.text().await;
    assert_eq!(body, "h".repeat(2048) + "\na[\"x\"]\n");
}

/// Sends messages of a length, one after the other has arrived; returns how many chunks the first
/// response carried after `o`.
async fn frames_until_complete(server: &Server, message: &str) -> usize {
    let peer = server.peer();
    let mut stream = peer.post("xhr_streaming").send().await;
    assert_eq!(chunk(&mut stream).await.len(), 2049);
    assert_eq!(chunk(&mut stream).await, "o\n");
    let expected = format!("a[\"{message}\"]\n");

    let mut frames = 0;
    loop {
        peer.send(format!("[\"{message}\"]")).await;
        // A long frame has several chunks.
        let mut frame = Vec::new();
        while frame.len() < expected.len() {
            let Some(chunk) = stream.chunk().await else {
                break;
            };
            frame.extend_from_slice(&chunk);
        }
        if frame.is_empty() {
            // The message that did not fit is the first one in the next response.
            assert_eq!(peer.poll().await, expected);
            return frames;
        }
        assert!(frame == expected.as_bytes());
        frames += 1;
    }
}

/// P21: Response limit.
#[tokio::test]
async fn the_limit_counts_frames_with_their_framing_and_not_the_prelude() {
    let server = Server::echo(|layer| layer.response_limit(4096)).await;

    // 2 bytes of `o`, and 134 a frame: 30 are 4022, and 31 are 4156.
    assert_eq!(frames_until_complete(&server, &"x".repeat(128)).await, 31);
    // 2 + 4093 is one short of the limit, 2 + 4094 reaches it.
    assert_eq!(
        frames_until_complete(&server, &"x".repeat(4093 - 6)).await,
        2
    );
    assert_eq!(
        frames_until_complete(&server, &"x".repeat(4094 - 6)).await,
        1
    );
}

/// Limit: response_limit
#[tokio::test]
async fn the_default_limit_is_128_kib() {
    let server = Server::echo(|layer| layer).await;

    let kib = 1024;
    assert_eq!(
        frames_until_complete(&server, &"x".repeat(4 * kib - 6)).await,
        32
    );
    assert_eq!(
        frames_until_complete(&server, &"x".repeat(128 * kib - 3 - 6)).await,
        2
    );
    assert_eq!(
        frames_until_complete(&server, &"x".repeat(128 * kib - 2 - 6)).await,
        1
    );
}

#[tokio::test]
async fn a_limit_of_one_makes_it_polling() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let peer = server.peer();
    let mut connection = server.connect().await;

    for (send, frame) in [
        (None, "o\n"),
        (Some("[\"x\"]"), "a[\"x\"]\n"),
        (Some("[\"y\"]"), "a[\"y\"]\n"),
    ] {
        if let Some(payload) = send {
            peer.send(payload).await;
        }
        let mut stream = connection.post(&peer.path("xhr_streaming")).send().await;
        assert_eq!(chunk(&mut stream).await.len(), 2049);
        assert_eq!(chunk(&mut stream).await, frame);
        assert_eq!(stream.chunk().await, None);
    }
}

#[tokio::test]
async fn a_stream_is_answered_before_anything_happens() {
    // A second request for an open session with nothing to say: head and prelude come at once.
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    let mut stream = peer.post("xhr_streaming").send().await;
    assert_eq!(chunk(&mut stream).await.len(), 2049);

    peer.send(r#"["x"]"#).await;
    assert_eq!(chunk(&mut stream).await, "a[\"x\"]\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_right_after_a_completed_one_is_never_refused() {
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(1)).await;
    let path = format!("{}/xhr_streaming", support::unique_path("/echo"));
    let mut connections = [server.connect().await, server.connect().await];
    connections[0].post(&path).send().await.bytes().await;
    let session = sessions.next().await;

    for n in 0..2000 {
        let mut stream = connections[n % 2].post(&path).send().await;
        assert_eq!(chunk(&mut stream).await.len(), 2049);
        session.try_send(n.to_string()).unwrap();
        assert_eq!(chunk(&mut stream).await, format!("a[\"{n}\"]\n"));
        assert_eq!(stream.chunk().await, None);
    }
}
