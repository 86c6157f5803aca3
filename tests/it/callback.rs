//! The name that htmlfile and jsonp put into a script.

use support::{Response, Server};

async fn assert_refused(response: Response<'_>, text: &str, name: &str) {
    assert_eq!(response.status, 500, "{name}");
    assert_eq!(
        response.header("x-content-type-options"),
        Some("nosniff"),
        "{name}"
    );
    support::assert_not_cached(&response);
    assert_eq!(response.text().await, text, "{name}");
}

pub(crate) async fn is_required(endpoint: &str) {
    let (server, sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();

    for query in [
        "",
        "?",
        "?x=cb",
        "?C=cb",
        "?c",
        "?c=",
        "?xc=cb",
        "?callbacks=cb",
        "?;c=cb",
    ] {
        let response = peer.get(&format!("{endpoint}{query}")).send().await;
        assert_refused(response, "\"callback\" parameter required", query).await;
    }

    assert!(sessions.is_empty());
    peer.open().await;
}

pub(crate) async fn is_checked(endpoint: &str) {
    let (server, sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    let too_long = "x".repeat(33);
    let names = [
        "%20",
        "*",
        "abc(",
        "abc%28",
        "a;b",
        "a%3Bb",
        "%00",
        "a%0ab",
        "a+b",
        "%C3%A9",
        "%FF",
        "%",
        "%zz",
        "a'b",
        "a%22b",
        "%3C%2Fscript%3E",
        "alert(1)//",
        "a[0]",
        "a,b",
        "a$b",
        "a%E2%80%A8b",
        &too_long,
    ];

    for name in names {
        let response = peer.get(&format!("{endpoint}?c={name}")).send().await;
        assert_refused(response, "invalid \"callback\" parameter", name).await;
    }

    assert!(sessions.is_empty());
    peer.open().await;
}

/// `place` says where the first response shows a name.
pub(crate) async fn is_found(endpoint: &str, place: impl Fn(&str) -> String) {
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let longest = "x".repeat(32);
    let cases = [
        ("c=cb", "cb"),
        ("callback=cb", "cb"),
        ("t=1&c=cb&u=2", "cb"),
        ("c=%63%62", "cb"),
        ("c=_jp.a-Z09_", "_jp.a-Z09_"),
        ("c=a%2Eb", "a.b"),
        (&format!("c={longest}"), &longest),
    ];

    for (query, name) in cases {
        let body = server
            .peer()
            .get(&format!("{endpoint}?{query}"))
            .send()
            .await
            .text()
            .await;
        assert!(body.contains(&place(name)), "{query}: {body}");
    }
}
