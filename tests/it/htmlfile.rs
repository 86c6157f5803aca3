use support::{Server, Wire};

use crate::{callback, receive::receive_tests};

receive_tests!(Wire::HtmlFile);

/// The page before the first frame, its callback aside.
const PAGE: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.CALLBACK;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"#;

/// P20: Streaming.
#[tokio::test]
async fn bytes_of_a_session() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;

    let mut stream = server.peer().get("htmlfile?c=_jp.a1b2-c3").send().await;

    assert_eq!(stream.status, 200);
    assert_eq!(
        stream.header("content-type"),
        Some("text/html; charset=UTF-8")
    );
    assert_eq!(stream.header("transfer-encoding"), Some("chunked"));
    assert_eq!(stream.header("content-length"), None);
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    stream.expect(PAGE.replace("CALLBACK", "_jp.a1b2-c3")).await;
    let padding = stream.until(b"\r\n\r\n").await;
    let padding = std::str::from_utf8(&padding).unwrap();
    let spaces = padding.strip_suffix("\r\n\r\n").unwrap();
    assert!(
        spaces.trim_start_matches('\n').chars().all(|c| c == ' '),
        "{padding:?}"
    );
    assert!(PAGE.len() - "CALLBACK".len() + "_jp.a1b2-c3".len() + spaces.len() >= 1024);
    stream.expect("<script>\np(\"o\");\n</script>\r\n").await;
    let session = sessions.next().await;
    session.try_send("x").unwrap();
    stream
        .expect("<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n")
        .await;
    session.close(3000, "Go away!");
    stream
        .expect("<script>\np(\"c[3000,\\\"Go away!\\\"]\");\n</script>\r\n")
        .await;
    stream.end().await;
}

/// P20: Streaming.
#[tokio::test]
async fn every_callback_leaves_a_page_of_at_least_1024_bytes() {
    let server = Server::echo(|layer| layer).await;

    for len in [1, 2, 8, 31, 32] {
        let mut stream = server
            .peer()
            .get(&format!("htmlfile?c={}", "x".repeat(len)))
            .send()
            .await;
        let page = stream.until(b"\r\n\r\n").await;
        assert!(page.len() >= 1024 + 4, "{len}: {}", page.len());
        stream.expect("<script>\np(\"o\");\n</script>\r\n").await;
    }
}

/// P23: htmlfile.
#[tokio::test]
async fn a_message_neither_ends_nor_reopens_the_script() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let messages = [
        "</script><script>alert(1)</script>",
        "</SCRIPT >",
        "<!--<script>",
        "-->",
        "]]>",
        "</\u{2028}script>",
        "\");alert(1);(\"",
        "\\u003c/script>",
    ];

    let mut stream = server.peer().get("htmlfile?c=cb").send().await;
    stream.until(b"\r\n\r\n").await;
    stream.expect("<script>\np(\"o\");\n</script>\r\n").await;
    let session = sessions.next().await;
    for message in messages {
        session.try_send(message).unwrap();

        stream.expect("<script>\np(").await;
        let json = stream.until(b");\n</script>\r\n").await;
        let json = json.strip_suffix(b");\n</script>\r\n").unwrap();
        let json = std::str::from_utf8(json).unwrap();
        assert!(!json.contains('<'), "{json}");
        let frame: String = serde_json::from_str(json).unwrap();
        let array: [String; 1] = serde_json::from_str(frame.strip_prefix('a').unwrap()).unwrap();
        assert_eq!(array, [message]);
    }
    session.close(3000, "</script>");
    stream
        .expect("<script>\np(\"c[3000,\\\"\\u003c/script>\\\"]\");\n</script>\r\n")
        .await;
    stream.end().await;
}

/// P21: Response limit.
#[tokio::test]
async fn the_limit_counts_the_framing() {
    let (server, mut sessions) = Server::capture(|layer| layer.response_limit(4096)).await;
    let open = Wire::HtmlFile.frame("o").len();
    let around = Wire::HtmlFile.frame(r#"a[""]"#).len();

    for (len, frames) in [(4096 - open - around, 1), (4096 - open - around - 1, 2)] {
        let mut receiver = server.peer().receiver(Wire::HtmlFile);
        receiver.expect("o").await;
        let session = sessions.next().await;
        for _ in 0..frames {
            session.try_send("x".repeat(len)).unwrap();
            receiver
                .expect(&format!("a[\"{}\"]", "x".repeat(len)))
                .await;
        }
        receiver.complete().await;
    }
}

/// P25: Callback name.
#[tokio::test]
async fn a_callback_is_required() {
    callback::is_required("htmlfile").await;
}

/// P25: Callback name.
#[tokio::test]
async fn an_invalid_callback_is_refused_and_not_echoed() {
    callback::is_checked("htmlfile").await;
}

/// P25: Callback name.
#[tokio::test]
async fn a_callback_comes_from_c_or_callback_percent_decoded() {
    callback::is_found("htmlfile", |name| format!("var c = parent.{name};\n")).await;
}
