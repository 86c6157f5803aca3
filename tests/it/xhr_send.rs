use support::{Server, assert_cors, assert_not_cached, received};

const EXPECTED: &str = "Payload expected.";
const BROKEN: &str = "Broken JSON encoding.";

/// Bodies that are not a payload, and the answers to them.
fn bad_bodies() -> Vec<(String, &'static str)> {
    let bodies = [
        ("", EXPECTED),
        // Not JSON.
        ("x", BROKEN),
        ("[", BROKEN),
        ("]", BROKEN),
        ("[\"x\"", BROKEN),
        ("[\"x", BROKEN),
        ("[\"x\",]", BROKEN),
        ("[,\"x\"]", BROKEN),
        ("[\"x\"] y", BROKEN),
        ("[\"x\"][\"y\"]", BROKEN),
        ("['x']", BROKEN),
        ("[x]", BROKEN),
        ("[\"\\x\"]", BROKEN),
        ("[\"\\u12\"]", BROKEN),
        ("[\"\\u12g4\"]", BROKEN),
        ("[\"\u{1}\"]", BROKEN),
        ("[\"a\nb\"]", BROKEN),
        ("[\"\\ud800\"", BROKEN),
        ("[\"\\ud800]", BROKEN),
        ("[\"\\ud800\\\"]", BROKEN),
        ("{\"a\":", BROKEN),
        ("d=%5B%22x%22%5D", BROKEN),
        // JSON, but no array.
        ("{}", EXPECTED),
        ("{\"0\":\"x\"}", EXPECTED),
        ("\"x\"", EXPECTED),
        ("\"\\ud800\"", EXPECTED),
        ("5", EXPECTED),
        ("-0.1e5", EXPECTED),
        ("null", EXPECTED),
        ("true", EXPECTED),
        // An array, but not of strings alone.
        ("[5]", BROKEN),
        ("[null]", BROKEN),
        ("[true]", BROKEN),
        ("[{\"a\":1}]", BROKEN),
        ("[[]]", BROKEN),
        ("[[\"x\"]]", BROKEN),
        ("[\"x\",5]", BROKEN),
        ("[\"x\",null,\"y\"]", BROKEN),
        ("[\"\\ud800\",5]", BROKEN),
        ("[\"x\",{\"y\":\"\\udfff\"}]", BROKEN),
    ];
    let mut bodies: Vec<_> = bodies
        .map(|(body, answer)| (body.to_owned(), answer))
        .into();
    // Nested deep enough to overflow the stack of a parser that recurses.
    let deep = 50_000;
    bodies.push(("[".repeat(deep), BROKEN));
    bodies.push(("[".repeat(deep) + &"]".repeat(deep), BROKEN));
    bodies.push((
        "[\"x\",".to_owned() + &"[".repeat(deep) + &"]".repeat(deep) + "]",
        BROKEN,
    ));
    bodies.push((
        "[".to_owned() + &"{\"a\":".repeat(deep) + "1" + &"}".repeat(deep) + "]",
        BROKEN,
    ));
    bodies
}

/// P26: xhr_send.
#[tokio::test]
async fn an_accepted_send_is_204_and_empty() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    let response = peer.post("xhr_send").body(r#"["x"]"#).send().await;

    assert_eq!(response.status, 204);
    let names = [
        "access-control-allow-origin",
        "cache-control",
        "content-type",
        "date",
        "vary",
        "x-content-type-options",
    ];
    assert_eq!(response.headers.names(), names);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_not_cached(&response);
    assert_cors(&response, None);
    response.end().await;
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}

/// P26: xhr_send.
#[tokio::test]
async fn every_content_type_is_accepted() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let types = [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "",
        "application/json; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ];

    for content_type in types {
        let request = peer.post("xhr_send").header("Content-Type", content_type);
        let response = request.body(r#"["a"]"#).send().await;
        assert_eq!(response.status, 204, "{content_type}");
    }
    peer.send(r#"["without a type"]"#).await;

    let expected = "a[".to_owned() + &r#""a","#.repeat(types.len()) + "\"without a type\"]\n";
    assert_eq!(peer.poll().await, expected);
}

/// P26: xhr_send.
#[tokio::test]
async fn an_array_may_be_empty_long_or_spaced() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let long: Vec<_> = (0..10_000).map(|n| format!("\"{n}\"")).collect();

    peer.send("[]").await;
    peer.send(" [ ] ").await;
    peer.send("\r\n\t [ \"a\" ,\n\"b\" ] \n").await;
    peer.send(r#"["",""]"#).await;
    for expected in ["a", "b", "", ""] {
        assert_eq!(received(&mut session).await, expected);
    }

    // So many payloads may have to wait until the application receives some.
    let send = peer
        .post("xhr_send")
        .body(format!("[{}]", long.join(",")))
        .start()
        .await;
    for n in 0..10_000 {
        assert_eq!(received(&mut session).await, n.to_string());
    }
    assert_eq!(send.response().await.status, 204);
}

/// P28: Broken bodies.
#[tokio::test]
async fn a_bad_body_is_500_and_delivers_nothing() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    for (body, answer) in bad_bodies() {
        let name = &body[..body.len().min(40)];
        let response = peer.post("xhr_send").body(&body).send().await;

        assert_eq!(response.status, 500, "{name}");
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=UTF-8"),
            "{name}"
        );
        assert_not_cached(&response);
        assert_eq!(response.text().await, answer, "{name}");
    }

    peer.send(r#"["good"]"#).await;
    assert_eq!(peer.poll().await, "a[\"good\"]\n");
}

/// P28: Broken bodies.
#[tokio::test]
async fn a_missing_body_is_an_empty_body() {
    let server = Server::echo(|layer| layer).await;

    let response = server.peer().post("xhr_send").no_body().send().await;

    assert_eq!(response.status, 500);
    assert_eq!(response.text().await, EXPECTED);
}

#[tokio::test]
async fn nothing_but_white_space_is_500() {
    let server = Server::echo(|layer| layer).await;
    for body in [" ", "\n", "\0", "\u{feff}"] {
        assert_eq!(server.peer().send_status(body).await, 500, "{body:?}");
    }
}

#[tokio::test]
async fn objects_nested_50000_deep_are_500() {
    let server = Server::echo(|layer| layer).await;
    let object = "{\"a\":".repeat(50_000) + "1" + &"}".repeat(50_000);

    let peer = server.peer();
    peer.open().await;
    assert_eq!(peer.send_status(object).await, 500);
    assert_eq!(server.peer().poll().await, "o\n");
}

/// P30: Unknown sessions.
#[tokio::test]
async fn the_body_is_checked_before_the_session() {
    let (server, sessions) = Server::capture(|layer| layer).await;

    for (body, answer) in bad_bodies() {
        let response = server.peer().post("xhr_send").body(&body).send().await;
        if body.len() > 16 * 1024 {
            // So much is not read without a session.
            assert_eq!(response.status, 404);
            continue;
        }
        assert_eq!(response.status, 500, "{}", &body[..body.len().min(40)]);
        assert_eq!(response.text().await, answer);
    }
    assert!(sessions.is_empty());
}

/// P30: Unknown sessions.
#[tokio::test]
async fn a_send_to_an_unknown_session_is_404_and_opens_none() {
    let (server, sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();

    for body in [r#"["x"]"#, "[]"] {
        let response = peer.post("xhr_send").body(body).send().await;
        assert_eq!(response.status, 404, "{body}");
        assert_not_cached(&response);
    }

    assert!(sessions.is_empty());
    peer.open().await;
}

/// P31: UTF-8.
#[tokio::test]
async fn bad_sequences_of_utf8_become_replacement_characters() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let cases: [(&[u8], &str); 8] = [
        (b"a\xffb", "a\u{fffd}b"),
        (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        (b"caf\xe9", "caf\u{fffd}"),
        // The start of a character, cut short.
        (b"a\xe2\x82b", "a\u{fffd}b"),
        (b"a\xf0\x9f\x98", "a\u{fffd}"),
        // A surrogate, and an overlong slash.
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xc0\xaf", "\u{fffd}\u{fffd}"),
        (b"\xc3\xa9\x80", "\u{e9}\u{fffd}"),
    ];

    for (message, expected) in cases {
        peer.send([b"[\"", message, b"\"]"].concat()).await;
        assert_eq!(received(&mut session).await, expected);
    }
}

#[tokio::test]
async fn sends_to_two_sessions_do_not_mix() {
    let server = Server::echo(|layer| layer).await;
    let peers = [server.peer(), server.peer()];
    for peer in &peers {
        peer.open().await;
    }

    peers[0].send(r#"["0"]"#).await;
    peers[1].send(r#"["1"]"#).await;

    assert_eq!(peers[1].poll().await, "a[\"1\"]\n");
    assert_eq!(peers[0].poll().await, "a[\"0\"]\n");
}
