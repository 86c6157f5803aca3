use sockjs_axum::JSessionId;
use support::{Peer, Request, Server, Wire};

/// One request to every URL of a session, with the status it is answered with. The session is open.
fn session_requests(peer: &Peer) -> Vec<(&'static str, u16, Request<'static>)> {
    vec![
        ("xhr", 200, peer.post("xhr")),
        ("xhr_streaming", 200, peer.post("xhr_streaming")),
        ("eventsource", 200, peer.get("eventsource")),
        ("htmlfile", 200, peer.get("htmlfile?c=cb")),
        ("jsonp", 200, peer.get("jsonp?c=cb")),
        ("xhr_send", 204, peer.post("xhr_send").body("[]")),
        ("jsonp_send", 200, peer.post("jsonp_send").body("[]")),
        ("preflight of xhr", 204, peer.request("OPTIONS", "xhr")),
        (
            "preflight of xhr_streaming",
            204,
            peer.request("OPTIONS", "xhr_streaming"),
        ),
        (
            "preflight of xhr_send",
            204,
            peer.request("OPTIONS", "xhr_send"),
        ),
        ("a broken xhr_send", 500, peer.post("xhr_send").body("x")),
        (
            "a broken jsonp_send",
            500,
            peer.post("jsonp_send").body("x"),
        ),
    ]
}

/// Opens a session and keeps a stream attached, so that every other receive request is answered.
async fn attached(server: &Server) -> (Peer, support::Receiver) {
    let peer = server.peer();
    let mut receiver = peer.receiver(Wire::XhrStreaming);
    receiver.expect("o").await;
    (peer, receiver)
}

/// P48: Cookie.
#[tokio::test]
async fn every_session_url_sets_the_cookie() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;
    let (peer, _receiver) = attached(&server).await;

    for (name, status, request) in session_requests(&peer) {
        let response = request.send().await;
        assert_eq!(response.status, status, "{name}");
        assert_eq!(
            response.header("set-cookie"),
            Some("JSESSIONID=dummy; path=/"),
            "{name}"
        );
    }
    for (name, status, request) in session_requests(&peer) {
        let response = request.header("Cookie", "JSESSIONID=abcdef").send().await;
        assert_eq!(response.status, status, "{name}");
        assert_eq!(
            response.header("set-cookie"),
            Some("JSESSIONID=abcdef; path=/"),
            "{name}"
        );
    }
}

/// P48: Cookie.
#[tokio::test]
async fn every_first_response_sets_the_cookie() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    for wire in Wire::ALL {
        let response = server.peer().receive(wire).send().await;
        assert_eq!(
            response.header("set-cookie"),
            Some("JSESSIONID=dummy; path=/"),
            "{wire:?}"
        );
    }
    let response = server.peer().post("xhr_send").body("[]").send().await;
    assert_eq!(response.status, 404);
    assert_eq!(
        response.header("set-cookie"),
        Some("JSESSIONID=dummy; path=/")
    );
}

#[tokio::test]
async fn no_cookie_is_set_when_the_option_is_off() {
    let server = Server::echo(|layer| layer).await;
    let (peer, _receiver) = attached(&server).await;

    for (name, _, request) in session_requests(&peer) {
        let response = request.header("Cookie", "JSESSIONID=abcdef").send().await;
        assert_eq!(response.header("set-cookie"), None, "{name}");
    }
}

/// P48: Cookie.
#[tokio::test]
async fn only_the_value_of_jsessionid_is_echoed() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;
    let cases: [(&[u8], &str); 16] = [
        (b"JSESSIONID=abc", "abc"),
        (b"a=b; JSESSIONID=abc; c=d", "abc"),
        (b"a=b;JSESSIONID=abc;c=d", "abc"),
        (b"JSESSIONID=route.node-1_x!3", "route.node-1_x!3"),
        (b"JSESSIONID=a=b", "a=b"),
        (b"a=b", "dummy"),
        (b"", "dummy"),
        (b"JSESSIONID", "dummy"),
        (b"XJSESSIONID=abc", "dummy"),
        (b"JSESSIONID2=abc", "dummy"),
        (b"x=JSESSIONID=abc", "dummy"),
        (b"secret=1; x=\"; JSESSIONID=abc", "abc"),
        // A value is not echoed with bytes that may mean something to whoever reads the header.
        (b"JSESSIONID=a\xe9b", "dummy"),
        (b"JSESSIONID=a\tb", "dummy"),
        (b"JSESSIONID=a b", "dummy"),
        (b"JSESSIONID=\xc3\xa9", "dummy"),
    ];

    for (cookie, value) in cases {
        let response = server
            .peer()
            .post("xhr")
            .header("Cookie", cookie)
            .send()
            .await;
        let expected = format!("JSESSIONID={value}; path=/");
        let name = String::from_utf8_lossy(cookie);
        assert_eq!(response.header("set-cookie"), Some(&*expected), "{name}");
    }
}

/// P48: Cookie.
#[tokio::test]
async fn a_value_in_quotes_is_echoed_with_them() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    for (value, echoed) in [
        (r#""abc""#, r#""abc""#),
        (r#""""#, r#""""#),
        (r#""abc"#, "dummy"),
        (r#"abc""#, "dummy"),
        (r#"""#, "dummy"),
        (r#"a"b"c"#, "dummy"),
        (r#""a"b""#, "dummy"),
        (r#""a b""#, "dummy"),
        (r#""a,b""#, "dummy"),
    ] {
        let request = server.peer().post("xhr_send").body("[]");
        let request = request.header("Cookie", format!("a=b; JSESSIONID={value}; c=d"));
        let cookie = request.send().await;
        let expected = format!("JSESSIONID={echoed}; path=/");
        assert_eq!(cookie.header("set-cookie"), Some(&*expected), "{value}");
    }
    let quoted = sockjs_axum::JSessionId::custom(|_| Some(r#""node 1""#.replace(' ', "-")));
    let server = Server::echo(|layer| layer.jsessionid(quoted)).await;
    let response = server.peer().post("xhr").send().await;
    let expected = r#"JSESSIONID="node-1"; path=/"#;
    assert_eq!(response.header("set-cookie"), Some(expected));
}

#[tokio::test]
async fn the_value_is_found_in_a_second_cookie_header() {
    let server = Server::echo(|layer| layer.jsessionid(true)).await;

    let request = server.peer().post("xhr").header("Cookie", "a=b");
    let response = request.header("Cookie", "JSESSIONID=abc").send().await;

    assert_eq!(
        response.header("set-cookie"),
        Some("JSESSIONID=abc; path=/")
    );
}

#[tokio::test]
async fn an_application_can_choose_the_value() {
    let cookie = JSessionId::custom(|parts| {
        let route = parts.headers.get("x-route")?.to_str().ok()?;
        Some(format!("node-{route}"))
    });
    let server = Server::echo(|layer| layer.jsessionid(cookie)).await;
    let cookie = async |route: &str| {
        let request = server.peer().post("xhr").header("Cookie", "JSESSIONID=abc");
        let response = request.header("X-Route", route).send().await;
        response.header("set-cookie").map(str::to_owned)
    };

    assert_eq!(
        cookie("1").await.as_deref(),
        Some("JSESSIONID=node-1; path=/")
    );
    assert_eq!(
        cookie("a;b").await,
        None,
        "a character that cookies may not have"
    );
    let response = server
        .peer()
        .post("xhr")
        .header("Cookie", "JSESSIONID=abc")
        .send()
        .await;
    assert_eq!(response.header("set-cookie"), None);
    let info = server.get("/echo/info").send().await.text().await;
    assert!(info.contains(r#""cookie_needed":true"#), "{info}");
}
