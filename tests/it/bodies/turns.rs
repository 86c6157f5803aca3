//! The bodies of a session's send requests arrive beside each other, and are delivered in the order
//! in which they are complete.

use futures_util::future::join_all;
use sockjs_axum::SockJsLayer;
use support::{Connection, Peer, Server, received, within};

/// Starts a send request without its body.
async fn start(server: &Server, peer: &Peer, len: usize) -> Connection {
    start_with(server, peer, len, "").await
}

/// Starts a send request that has the header lines `more`, without its body.
async fn start_with(server: &Server, peer: &Peer, len: usize, more: &str) -> Connection {
    let mut connection = server.connect().await;
    let path = peer.path("xhr_send");
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n{more}\r\n");
    connection.write(head).await;
    connection
}

/// P61: Backpressure.
#[tokio::test]
async fn a_body_that_stalls_holds_up_nobody() {
    for receive_buffer in [1, 256 * 1024] {
        let configure = |layer: SockJsLayer| layer.receive_buffer(receive_buffer);
        let (server, mut sessions) = Server::capture(configure).await;
        let peer = server.peer();
        peer.open().await;
        let mut session = sessions.next().await;

        let mut stalled = start(&server, &peer, 10).await;
        stalled.write("[\"st").await;
        for n in 0..20 {
            peer.send(format!("[\"{n}\"]")).await;
            assert_eq!(received(&mut session).await, n.to_string());
        }
        // Longer than the buffer.
        peer.send(format!("[\"{}\"]", "x".repeat(1_000_000))).await;
        assert_eq!(received(&mut session).await.len(), 1_000_000);

        stalled.write("alls\"]").await;
        assert_eq!(received(&mut session).await, "stalls");
        assert_eq!(stalled.response("POST").await.status, 204);
    }
}

/// P61: Backpressure.
#[tokio::test]
async fn a_hundred_heads_come_before_a_hundred_bodies() {
    for receive_buffer in [1, 256 * 1024] {
        let configure = |layer: SockJsLayer| layer.receive_buffer(receive_buffer);
        let (server, mut sessions) = Server::capture(configure).await;
        let peer = server.peer();
        peer.open().await;
        let mut session = sessions.next().await;

        let heads = (0..100).map(|_| start(&server, &peer, 6));
        let mut requests = join_all(heads).await;
        // A request that is answered was read after all of the heads.
        assert_eq!(server.get("/echo").send().await.status, 200);
        for (n, request) in requests.iter_mut().enumerate().rev() {
            request.write(format!("[\"{n:02}\"]")).await;
        }

        let mut messages = Vec::new();
        for _ in 0..100 {
            messages.push(received(&mut session).await);
        }
        messages.sort_unstable();
        let expected: Vec<_> = (0..100).map(|n| format!("{n:02}")).collect();
        assert_eq!(messages, expected);
        for request in &mut requests {
            assert_eq!(request.response("POST").await.status, 204);
        }
    }
}

/// P61: Backpressure.
#[tokio::test]
async fn a_hundred_clients_wait_for_permission_to_send_their_bodies() {
    for receive_buffer in [1, 256 * 1024] {
        let configure = |layer: SockJsLayer| layer.receive_buffer(receive_buffer);
        let (server, mut sessions) = Server::capture(configure).await;
        let peer = server.peer();
        peer.open().await;
        let mut session = sessions.next().await;

        let expect = "Expect: 100-continue\r\n";
        let heads = (0..100).map(|_| start_with(&server, &peer, 6, expect));
        let mut requests = join_all(heads).await;
        // Nobody sends a byte of a body before everybody may.
        for request in &mut requests {
            assert_eq!(request.response("POST").await.status, 100);
        }
        for (n, request) in requests.iter_mut().enumerate().rev() {
            request.write(format!("[\"{n:02}\"]")).await;
        }

        let mut messages = Vec::new();
        for _ in 0..100 {
            messages.push(received(&mut session).await);
        }
        messages.sort_unstable();
        let expected: Vec<_> = (0..100).map(|n| format!("{n:02}")).collect();
        assert_eq!(messages, expected);
        for request in &mut requests {
            assert_eq!(request.response("POST").await.status, 204);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_complete_first_is_delivered_first() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;

    let mut late = start(&server, &peer, 8).await;
    late.write("[\"la").await;
    let mut early = start(&server, &peer, 9).await;
    early.write("[\"early\"]").await;
    assert_eq!(early.response("POST").await.status, 204);
    late.write("te\"]").await;
    assert_eq!(late.response("POST").await.status, 204);

    assert_eq!(received(&mut session).await, "early");
    assert_eq!(received(&mut session).await, "late");
}

/// P58: HTTP/1.1.
#[tokio::test]
async fn pipelined_sends_stay_in_order() {
    let configure = |layer: SockJsLayer| layer.receive_buffer(1);
    let (server, mut sessions) = Server::capture(configure).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let mut connection = server.connect().await;

    let requests = (0..50).map(|n| peer.post("xhr_send").body(format!("[\"{n}\"]")));
    let bytes: Vec<u8> = requests.flat_map(|request| request.to_bytes()).collect();
    connection.write(bytes).await;

    for n in 0..50 {
        assert_eq!(received(&mut session).await, n.to_string());
    }
    for _ in 0..50 {
        assert_eq!(connection.response("POST").await.status, 204);
    }
}

/// P61: Backpressure.
#[tokio::test]
async fn bodies_take_no_more_than_the_budget_while_the_handler_does_not_read() {
    let configure = |layer: SockJsLayer| layer.receive_buffer(10_000);
    let (server, mut sessions) = Server::capture(configure).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    // Longer than what two sockets hold.
    let long = format!("[\"{}\"]", "x".repeat(1_000_000));
    let mut senders = Vec::new();
    for _ in 0..20 {
        let (peer, long) = (peer.clone(), long.clone());
        senders.push(tokio::spawn(async move { peer.send_status(long).await }));
    }

    for _ in 0..20 {
        assert_eq!(received(&mut session).await.len(), 1_000_000);
    }
    for sender in senders {
        assert_eq!(within("an answer", sender).await.unwrap(), 204);
    }
}
