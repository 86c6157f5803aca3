use support::{Peer, Response, Server, assert_not_cached, received};

const FORM: &str = "application/x-www-form-urlencoded";
const EXPECTED: &str = "Payload expected.";
const BROKEN: &str = "Broken JSON encoding.";

async fn send(peer: &Peer, content_type: &str, body: impl AsRef<[u8]>) -> Response<'static> {
    peer.post("jsonp_send")
        .header("Content-Type", content_type)
        .body(body)
        .send()
        .await
}

async fn assert_ok(response: Response<'_>) {
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_eq!(response.header("content-length"), Some("2"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("set-cookie"), None);
    assert_not_cached(&response);
    assert_eq!(response.text().await, "ok");
}

/// P27: jsonp_send.
#[tokio::test]
async fn a_form_carries_the_payload_in_d() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let cases = [
        ("d=%5B%22x%22%5D", "x"),
        ("d=[\"x\"]", "x"),
        ("d=%5B%22a%2Bb+c%20d%22%5D", "a+b c d"),
        ("d=%5b%22%26%3D%25%22%5d", "&=%"),
        ("d=%5B%22%C3%A9%E2%82%AC%F0%9F%98%80%22%5D", "é€😀"),
        ("d=[\"é\"]", "é"),
        ("d=%5B%22%5Cu00e9%22%5D", "é"),
        ("d=%5B%22%5Cud800%22%5D", "\u{fffd}"),
        ("d=%5B%22%FF%22%5D", "\u{fffd}"),
        ("e=1&d=%5B%22x%22%5D&f=2", "x"),
        ("&&d=%5B%22x%22%5D&", "x"),
        ("dd=1&d=%5B%22x%22%5D", "x"),
        ("%64=%5B%22x%22%5D", "x"),
        ("d=%5B%22first%22%5D&d=%5B%22second%22%5D", "first"),
        ("d=%5B%22first%22%5D&d=nonsense", "first"),
    ];

    for (body, message) in cases {
        assert_ok(send(&peer, FORM, body).await).await;
        assert_eq!(received(&mut session).await, message, "{body}");
    }
}

#[tokio::test]
async fn the_content_type_of_a_form_may_be_spelled_in_any_way() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let types = [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=utf-8",
        "Application/X-WWW-Form-URLEncoded",
    ];

    for content_type in types {
        assert_ok(send(&peer, content_type, "d=%5B%22x%22%5D").await).await;
        assert_eq!(received(&mut session).await, "x", "{content_type}");
    }
}

/// P27: jsonp_send.
#[tokio::test]
async fn a_body_of_any_other_type_is_the_payload_itself() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;

    for content_type in [
        "text/plain",
        "application/json",
        "",
        "T",
        "multipart/form-data",
    ] {
        assert_ok(send(&peer, content_type, r#"["%41+b","d=x"]"#).await).await;
        assert_eq!(received(&mut session).await, "%41+b", "{content_type}");
        assert_eq!(received(&mut session).await, "d=x", "{content_type}");
    }
    assert_ok(peer.post("jsonp_send").body(r#"["no type"]"#).send().await).await;
    assert_eq!(received(&mut session).await, "no type");
    assert_ok(send(&peer, "text/plain", b"[\"\xff\"]").await).await;
    assert_eq!(received(&mut session).await, "\u{fffd}");
}

/// P27: jsonp_send.
#[tokio::test]
async fn an_empty_array_does_nothing() {
    let server = Server::echo(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    assert_ok(send(&peer, FORM, "d=%5B%5D").await).await;
    assert_ok(send(&peer, "text/plain", "[]").await).await;

    peer.send(r#"["x"]"#).await;
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}

/// P28: Broken bodies.
#[tokio::test]
async fn a_bad_body_is_500_and_delivers_nothing() {
    let server = Server::echo(|layer| layer).await;
    let open = server.peer();
    open.open().await;
    let deep = format!("d={}", "[".repeat(50_000));
    let cases = [
        (FORM, "", EXPECTED),
        (FORM, "d", EXPECTED),
        (FORM, "d=", EXPECTED),
        (FORM, "x=%5B%22x%22%5D", EXPECTED),
        (FORM, "D=%5B%22x%22%5D", EXPECTED),
        (FORM, "dd=%5B%22x%22%5D", EXPECTED),
        (FORM, "[\"x\"]", EXPECTED),
        // The first of two fields counts.
        (FORM, "d=&d=%5B%22x%22%5D", EXPECTED),
        (FORM, "d=x&d=%5B%22x%22%5D", BROKEN),
        (FORM, "d=%5B%22x%22", BROKEN),
        (FORM, "d=%5B5%5D", BROKEN),
        (FORM, "d=%5B%22x%22,null%5D", BROKEN),
        (FORM, "d=5", EXPECTED),
        (FORM, "d=%7B%7D", EXPECTED),
        (FORM, "d=%22x%22", EXPECTED),
        (FORM, &deep, BROKEN),
        ("text/plain", "", EXPECTED),
        ("text/plain", "x", BROKEN),
        ("text/plain", "[\"x\"", BROKEN),
        ("text/plain", "d=%5B%22x%22%5D", BROKEN),
        ("text/plain", "[\"x\",5]", BROKEN),
        ("text/plain", "{}", EXPECTED),
        ("text/plain", "\"x\"", EXPECTED),
    ];

    for (content_type, body, answer) in cases {
        // The body is checked before the session, so an unknown one makes no difference.
        for peer in [&open, &server.peer()] {
            let response = send(peer, content_type, body).await;
            let name = &body[..body.len().min(40)];
            if body.len() > 16 * 1024 && response.status == 404 {
                // So much is not read without a session.
                continue;
            }
            assert_eq!(response.status, 500, "{name}");
            assert_eq!(
                response.header("content-type"),
                Some("text/plain; charset=UTF-8")
            );
            assert_not_cached(&response);
            assert_eq!(response.text().await, answer, "{name}");
        }
    }

    open.send(r#"["good"]"#).await;
    assert_eq!(open.poll().await, "a[\"good\"]\n");
}

/// P30: Unknown sessions.
#[tokio::test]
async fn a_send_to_an_unknown_session_is_404_and_opens_none() {
    let (server, sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();

    assert_eq!(send(&peer, FORM, "d=%5B%22x%22%5D").await.status, 404);
    assert_eq!(send(&peer, "text/plain", r#"["x"]"#).await.status, 404);
    assert_eq!(send(&peer, "text/plain", "[]").await.status, 404);

    assert!(sessions.is_empty());
    peer.open().await;
}

/// P28: Broken bodies.
#[tokio::test]
async fn a_missing_body_is_an_empty_body() {
    let server = Server::echo(|layer| layer).await;

    let response = server.peer().post("jsonp_send").no_body().send().await;

    assert_eq!(response.status, 500);
    assert_eq!(response.text().await, EXPECTED);
}
