//! Bodies without a session.

use support::{Connection, Server, within};

/// P30: Unknown sessions.
/// Limit: body of a send request without a session
#[tokio::test]
async fn a_long_body_without_a_session_is_404_unread() {
    let server = Server::echo(|layer| layer).await;

    for endpoint in ["xhr_send", "jsonp_send"] {
        // The body never comes, and the client waits for permission to send it.
        let mut connection = server.connect().await;
        let head = format!(
            "POST /echo/000/none/{endpoint} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
             Content-Length: 100000\r\n\r\n"
        );
        connection.write(head).await;
        assert_eq!(connection.response("POST").await.status, 404);

        // A broken body and a good one, both too long to tell.
        let broken = "[".repeat(16 * 1024 + 1);
        let good = format!("[\"{}\"]", "x".repeat(16 * 1024));
        for body in [&broken, &good] {
            let whole = server.peer().post(endpoint).body(body);
            assert_eq!(whole.send().await.status, 404);
            let chunks = server
                .peer()
                .post(endpoint)
                .chunks(body.as_bytes().chunks(1000));
            assert_eq!(chunks.send().await.status, 404);
        }
        let longest = server.peer().post(endpoint).body("[".repeat(16 * 1024));
        assert_eq!(longest.send().await.status, 500);
    }
}

/// Starts a send request of an unknown session whose body stalls after `len` bytes.
async fn stall(server: &Server, len: usize) -> Connection {
    let mut connection = server.connect().await;
    let head = "POST /echo/000/none/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 16000\r\n\r\n";
    connection.write(head.to_owned() + &" ".repeat(len)).await;
    connection
}

/// P60: No room.
/// Limit: unknown_session_buffer
#[tokio::test]
async fn all_bodies_without_a_session_share_one_buffer() {
    let server = Server::echo(|layer| layer.unknown_session_buffer(20_000)).await;
    let peer = server.peer();
    peer.open().await;
    let short = async || server.peer().send_status(r#"["x"]"#).await;

    assert_eq!(short().await, 404);
    let stalled = stall(&server, 15_000).await;
    // The server may not have read all of the other one.
    let refusal = async {
        loop {
            let mut connection = stall(&server, 16_000).await;
            let response = connection.response("POST").await;
            match response.status {
                // White space is no payload.
                500 => drop(response.text().await),
                503 => break (response.headers.clone(), response.text().await),
                status => panic!("{status}"),
            }
        }
    };
    let response = within("a refusal", refusal).await;
    assert_eq!(response.1, "Too many requests of unknown sessions.");
    assert_eq!(response.0.get("retry-after"), Some("1"));
    assert_eq!(short().await, 404);

    // A session does not notice.
    peer.send(format!("[\"{}\"]", "x".repeat(100_000))).await;

    stalled.reset();
    loop {
        let mut connection = stall(&server, 16_000).await;
        if connection.response("POST").await.status == 500 {
            break;
        }
    }
}
