//! HTTP/1 around the transports: versions, framing, pipelining.

use support::{Server, Wire, received};

use crate::receive::GO_AWAY;

/// P57: HTTP/1.0.
#[tokio::test]
async fn an_http10_client_gets_no_chunks_and_its_connection_is_closed() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    for wire in Wire::ALL {
        let mut response = server.peer().receive(wire).http10().send().await;
        assert_eq!(
            (&*response.version, response.status),
            ("HTTP/1.0", 200),
            "{wire:?}"
        );
        assert_eq!(response.header("transfer-encoding"), None, "{wire:?}");
        let length = (!wire.streams()).then(|| wire.frame("o").len().to_string());
        assert_eq!(
            response.header("content-length"),
            length.as_deref(),
            "{wire:?}"
        );
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;

        // A stream goes on frame by frame, and ends with the connection.
        if wire.streams() {
            let session = sessions.next().await;
            session.try_send("x").unwrap();
            response.expect(wire.frame(r#"a["x"]"#)).await;
            session.close(3000, "Go away!");
            response.expect(wire.frame(GO_AWAY)).await;
        } else {
            sessions.next().await.close(3000, "Go away!");
        }
        assert!(response.at_end().await, "{wire:?}");
        response.connection().ended().await;
    }
}

#[tokio::test]
async fn an_http10_client_that_keeps_its_connection_may_poll_on_it() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    let mut connection = server.connect().await;

    for (endpoint, payload, answer) in [
        ("xhr", "", "o\n"),
        ("xhr_send", r#"["x"]"#, ""),
        ("xhr", "", "a[\"x\"]\n"),
    ] {
        let request = connection.post(&peer.path(endpoint)).http10().body(payload);
        let response = request.header("Connection", "keep-alive").send().await;
        assert_eq!(response.header("transfer-encoding"), None);
        assert_eq!(response.header("connection"), Some("keep-alive"));
        if !answer.is_empty() {
            assert_eq!(
                response.header("content-length"),
                Some(&*answer.len().to_string())
            );
        }
        assert_eq!(response.text().await, answer);
    }
}

/// P57: HTTP/1.0.
#[tokio::test]
async fn an_http10_stream_ends_with_the_connection_even_if_it_was_to_be_kept() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;

    for wire in Wire::ALL.into_iter().filter(|wire| wire.streams()) {
        let request = server
            .peer()
            .receive(wire)
            .http10()
            .header("Connection", "keep-alive");
        let mut response = request.send().await;
        assert_eq!(response.header("transfer-encoding"), None, "{wire:?}");
        assert_eq!(response.header("content-length"), None, "{wire:?}");
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;
        response.connection().ended().await;
    }
}

#[tokio::test]
async fn an_http11_client_that_closes_gets_its_answer_first() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;

    for wire in Wire::ALL {
        let mut response = server
            .peer()
            .receive(wire)
            .header("Connection", "close")
            .send()
            .await;
        assert_eq!(response.header("connection"), Some("close"));
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;
        assert!(response.at_end().await);
        response.connection().ended().await;
    }
}

#[tokio::test]
async fn a_completed_stream_leaves_its_connection_open() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let mut connection = server.connect().await;

    for wire in Wire::ALL {
        let path = server.peer().path(wire.endpoint());
        let mut response = connection.request(wire.method(), &path).send().await;
        assert_eq!(response.header("connection"), None);
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;
        response.end().await;
    }
}

/// P58: HTTP/1.1.
#[tokio::test]
async fn pipelined_sends_keep_their_order() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut connection = server.connect().await;

    let mut requests = Vec::new();
    for n in 0..100 {
        requests.extend(peer.post("xhr_send").body(format!(r#"["{n}"]"#)).to_bytes());
    }
    connection.write(requests).await;
    for _ in 0..100 {
        assert_eq!(connection.response("POST").await.status, 204);
    }

    let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(peer.receiver(Wire::Xhr).messages(100).await, expected);
}

#[tokio::test]
async fn a_whole_session_fits_into_one_write() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    let mut connection = server.connect().await;

    let requests = [
        peer.post("xhr").to_bytes(),
        peer.post("xhr_send").body(r#"["x"]"#).to_bytes(),
        peer.post("xhr").to_bytes(),
        peer.post("jsonp_send").body(r#"["y"]"#).to_bytes(),
        peer.get("jsonp?c=cb").to_bytes(),
    ];
    connection.write(requests.concat()).await;

    for expected in [
        "o\n",
        "",
        "a[\"x\"]\n",
        "ok",
        "/**/cb(\"a[\\\"y\\\"]\");\r\n",
    ] {
        assert_eq!(connection.response("POST").await.text().await, expected);
    }
}

#[tokio::test]
async fn a_request_behind_a_waiting_poll_waits_for_its_turn() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut connection = server.connect().await;

    let poll = peer.post("xhr").to_bytes();
    let send = peer.post("xhr_send").body(r#"["second"]"#).to_bytes();
    connection.write([poll, send].concat()).await;
    peer.send(r#"["first"]"#).await;

    assert_eq!(
        connection.response("POST").await.text().await,
        "a[\"first\"]\n"
    );
    assert_eq!(connection.response("POST").await.status, 204);
    assert_eq!(peer.poll().await, "a[\"second\"]\n");
}

/// P58: HTTP/1.1.
#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body_comes() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    for (endpoint, status) in [("xhr_send", 204), ("jsonp_send", 200)] {
        let mut connection = server.connect().await;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            peer.path(endpoint),
        );
        connection.write(head).await;
        let go_on = connection.response("POST").await;
        assert_eq!((&*go_on.version, go_on.status), ("HTTP/1.1", 100));
        connection.write(r#"["x"]"#).await;
        assert_eq!(connection.response("POST").await.status, status);
    }

    assert_eq!(peer.receiver(Wire::Xhr).messages(2).await, ["x", "x"]);
}

/// P58: HTTP/1.1.
#[tokio::test]
async fn a_chunked_body_may_be_cut_anywhere() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let payload = "[\"é€😀\\u00e9\",\"\"]".as_bytes();

    for endpoint in ["xhr_send", "jsonp_send"] {
        for size in 1..=payload.len() {
            let response = peer
                .post(endpoint)
                .chunks(payload.chunks(size))
                .send()
                .await;
            assert!(
                [200, 204].contains(&response.status),
                "{endpoint} by {size}"
            );
            assert_eq!(
                received(&mut session).await,
                "é€😀é",
                "{endpoint} by {size}"
            );
            assert_eq!(received(&mut session).await, "", "{endpoint} by {size}");
        }
        let response = peer.post(endpoint).chunks::<&str>([]).send().await;
        assert_eq!(
            (response.status, response.text().await),
            (500, "Payload expected.".into())
        );
    }
}

#[tokio::test]
async fn a_body_may_come_byte_by_byte() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut connection = server.connect().await;

    for byte in peer.post("xhr_send").body("[\"é\"]").to_bytes() {
        connection.write([byte]).await;
        tokio::task::yield_now().await;
    }

    assert_eq!(connection.response("POST").await.status, 204);
    assert_eq!(peer.poll().await, "a[\"é\"]\n");
}

#[tokio::test]
async fn a_body_that_is_cut_short_delivers_nothing() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    let request = peer.post("xhr_send").body(r#"["x"]   "#).to_bytes();
    let mut connection = server.connect().await;
    connection.write(&request[..request.len() - 3]).await;
    drop(connection);

    peer.send(r#"["y"]"#).await;
    assert_eq!(peer.poll().await, "a[\"y\"]\n");
}

#[tokio::test]
async fn a_receive_request_needs_no_content_length() {
    let server = Server::echo(|layer| layer).await;

    for endpoint in ["xhr", "xhr_streaming"] {
        let mut response = server.peer().post(endpoint).no_body().send().await;
        assert_eq!(response.status, 200);
        assert!(response.until(b"o\n").await.ends_with(b"o\n"));
    }
}

#[tokio::test]
async fn a_request_target_may_be_absolute() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();

    let response = server
        .post(&format!("http://localhost{}", peer.path("xhr")))
        .send()
        .await;

    assert_eq!(response.text().await, "o\n");
    peer.send(r#"["x"]"#).await;
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}
