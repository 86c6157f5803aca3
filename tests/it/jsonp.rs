use support::{Server, Wire};

use crate::{callback, receive::receive_tests};

receive_tests!(Wire::Jsonp);

/// P19: Polling.
/// P24: jsonp.
#[tokio::test]
async fn bytes_of_a_session() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();

    let response = peer.get("jsonp?c=_jp.a1b2-c3").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("content-length"), Some("23"));
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.text().await, "/**/_jp.a1b2-c3(\"o\");\r\n");

    let session = sessions.next().await;
    session.try_send("x").unwrap();
    let response = peer.get("jsonp?c=other").send().await;
    assert_eq!(response.text().await, "/**/other(\"a[\\\"x\\\"]\");\r\n");

    session.close(3000, "Go away!");
    let response = peer.get("jsonp?c=third").send().await;
    assert_eq!(
        response.text().await,
        "/**/third(\"c[3000,\\\"Go away!\\\"]\");\r\n"
    );
}

/// P24: jsonp.
#[tokio::test]
async fn characters_that_a_script_cannot_contain_are_escaped_twice() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.answer(Wire::Jsonp).await;

    sessions.next().await.try_send("\u{2028}\"\\\n").unwrap();

    let body = peer.answer(Wire::Jsonp).await;
    assert_eq!(
        body,
        "/**/cb(\"a[\\\"\\\\u2028\\\\\\\"\\\\\\\\\\\\n\\\"]\");\r\n"
    );
}

/// P25: Callback name.
#[tokio::test]
async fn a_callback_is_required() {
    callback::is_required("jsonp").await;
}

/// P25: Callback name.
/// Limit: callback name (jsonp, htmlfile)
#[tokio::test]
async fn an_invalid_callback_is_refused_and_not_echoed() {
    callback::is_checked("jsonp").await;
}

/// P25: Callback name.
#[tokio::test]
async fn a_callback_comes_from_c_or_callback_percent_decoded() {
    callback::is_found("jsonp", |name| format!("/**/{name}(\"o\");\r\n")).await;
}
