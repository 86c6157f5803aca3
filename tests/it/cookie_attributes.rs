//! Attributes of the `JSESSIONID` cookie, and values that an application chooses.

use sockjs_axum::{JSessionId, SameSite};
use support::{Opening, Server, unique_path};

/// Returns the cookie that the server sets for a poll without a cookie.
async fn cookie(cookie: impl Into<JSessionId> + Clone) -> Option<String> {
    let server = Server::echo(|layer| layer.jsessionid(cookie)).await;
    let response = server.peer().post("xhr").send().await;
    response.header("set-cookie").map(str::to_owned)
}

#[tokio::test]
async fn attributes_follow_the_value() {
    for (configured, expected) in [
        (JSessionId::dummy(), "JSESSIONID=dummy; path=/"),
        (
            JSessionId::dummy().secure(true),
            "JSESSIONID=dummy; path=/; Secure",
        ),
        (
            JSessionId::dummy().http_only(true),
            "JSESSIONID=dummy; path=/; HttpOnly",
        ),
        (
            JSessionId::dummy().same_site(SameSite::Strict),
            "JSESSIONID=dummy; path=/; SameSite=Strict",
        ),
        (
            JSessionId::dummy().same_site(SameSite::Lax),
            "JSESSIONID=dummy; path=/; SameSite=Lax",
        ),
        (
            JSessionId::dummy().same_site(SameSite::None).secure(true),
            "JSESSIONID=dummy; path=/; Secure; SameSite=None",
        ),
        (
            JSessionId::dummy()
                .partitioned(true)
                .same_site(SameSite::None)
                .secure(true),
            "JSESSIONID=dummy; path=/; Secure; SameSite=None; Partitioned",
        ),
        (
            JSessionId::dummy().path("/chat"),
            "JSESSIONID=dummy; path=/chat",
        ),
        (
            JSessionId::custom(|_| Some("node-7".to_owned()))
                .same_site(SameSite::Lax)
                .http_only(true)
                .secure(true)
                .path("/a/b"),
            "JSESSIONID=node-7; path=/a/b; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            JSessionId::dummy()
                .secure(true)
                .http_only(true)
                .secure(false)
                .http_only(false),
            "JSESSIONID=dummy; path=/",
        ),
    ] {
        assert_eq!(cookie(configured).await.as_deref(), Some(expected));
    }
    let off = JSessionId::off().secure(true).same_site(SameSite::None);
    assert_eq!(cookie(off).await, None);
    assert_eq!(cookie(false).await, None);
    let on = cookie(true).await;
    assert_eq!(on.as_deref(), Some("JSESSIONID=dummy; path=/"));
}

#[tokio::test]
async fn a_path_cannot_inject_attributes() {
    for (path, expected) in [
        ("/a; Domain=evil.example", "/a Domain=evil.example"),
        ("/a\r\nSet-Cookie: x=y", "/aSet-Cookie: x=y"),
        ("/a\0\u{7f}b", "/ab"),
        ("/caf\u{e9}", "/caf"),
    ] {
        let cookie = cookie(JSessionId::dummy().path(path)).await;
        let expected = format!("JSESSIONID=dummy; path={expected}");
        assert_eq!(cookie, Some(expected), "{path:?}");
    }
}

/// P48: Cookie.
#[tokio::test]
async fn session_urls_alone_set_the_cookie_with_its_attributes() {
    let cookie = JSessionId::dummy()
        .secure(true)
        .http_only(true)
        .same_site(SameSite::None);
    let server = Server::echo(|layer| layer.jsessionid(cookie)).await;
    let expected = "JSESSIONID=dummy; path=/; Secure; HttpOnly; SameSite=None";

    for opening in Opening::ALL {
        let path = opening.path(&unique_path("/echo"));
        let response = opening.request(&server, &path).send().await;
        assert_eq!(response.status, opening.status(), "{opening:?}");
        let cookie = response.header("set-cookie");
        let has_session = opening != Opening::RawWebSocket;
        assert_eq!(cookie, has_session.then_some(expected), "{opening:?}");
    }
    let peer = server.peer();
    for request in [
        peer.post("xhr_send").body("[]"),
        peer.post("jsonp_send").body("[]"),
        peer.request("OPTIONS", "xhr"),
    ] {
        let line = request.line();
        let response = request.send().await;
        assert_eq!(response.header("set-cookie"), Some(expected), "{line}");
    }
    for path in ["/echo", "/echo/info", "/echo/iframe.html", "/echo/nothing"] {
        let response = server.get(path).send().await;
        assert_eq!(response.header("set-cookie"), None, "{path}");
    }
}

#[tokio::test]
async fn a_value_is_chosen_from_the_request() {
    let choose = JSessionId::custom(|parts| {
        let cookies = parts.headers.get("cookie")?.to_str().ok()?;
        let mut cookies = cookies.split("; ");
        let node = cookies.find_map(|cookie| cookie.strip_prefix("node="))?;
        Some(format!("{node}.{}", parts.method))
    });
    let server = Server::echo(|layer| layer.jsessionid(choose)).await;

    for opening in Opening::ALL {
        if opening == Opening::RawWebSocket {
            continue;
        }
        let path = opening.path(&unique_path("/echo"));
        let request = opening.request(&server, &path);
        let request = request.header("Cookie", "JSESSIONID=old; node=n1");
        let line = request.line();
        let method = line.split(' ').next().unwrap_or_default();
        let expected = format!("JSESSIONID=n1.{method}; path=/");
        let response = request.send().await;
        assert_eq!(response.header("set-cookie"), Some(&*expected), "{line}");

        // `None` is no cookie, not even the client's own.
        let path = opening.path(&unique_path("/echo"));
        let request = opening.request(&server, &path);
        let response = request.header("Cookie", "JSESSIONID=old").send().await;
        assert_eq!(response.header("set-cookie"), None, "{line}");
    }
}

#[tokio::test]
async fn info_says_that_a_cookie_is_needed_unless_it_is_off() {
    for (cookie, needed) in [
        (JSessionId::off(), false),
        (JSessionId::dummy(), true),
        // The function's value for one request does not carry over to the next.
        (JSessionId::custom(|_| None), true),
    ] {
        let server = Server::echo(|layer| layer.jsessionid(cookie)).await;
        let info = server.get("/echo/info").send().await.text().await;
        let expected = format!("\"cookie_needed\":{needed}");
        assert!(info.contains(&expected), "{info}");
    }
}

#[tokio::test]
async fn only_values_of_safe_characters_are_accepted() {
    let choose = JSessionId::custom(|parts| {
        let code = parts.headers.get("x-char")?.to_str().ok()?;
        let char = char::from_u32(code.parse().ok()?)?;
        Some(format!("a{char}b"))
    });
    let server = Server::echo(|layer| layer.jsessionid(choose)).await;
    let mut connection = server.connect().await;
    // RFC 6265 §4.1.1: within a value, visible ASCII but quote, comma, semicolon and backslash.
    let is_safe = |char: char| char.is_ascii_graphic() && !"\",;\\".contains(char);

    for char in (0..=255).map(char::from).chain(['\u{2028}', '\u{1f600}']) {
        let code = u32::from(char).to_string();
        let request = connection.post("/echo/000/abc/xhr_send").body("[]");
        let response = request.header("X-Char", code).send().await;

        let expected = is_safe(char).then(|| format!("JSESSIONID=a{char}b; path=/"));
        let cookies = response.headers.all("set-cookie");
        let expected: Vec<_> = expected.iter().map(|cookie| &**cookie).collect();
        assert_eq!(cookies, expected, "{char:?}");
        // Nothing of it got into another header.
        let names = response.headers.names();
        assert!(names.len() <= 7, "{char:?}: {names:?}");
        response.bytes().await;
    }
}
