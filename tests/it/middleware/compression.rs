//! Compression buffers data. By default tower-http exempts server-sent events only.

use axum::Router;
use support::{Response, Server, Sessions, Wire, assert_not_cached};
use tower_http::compression::CompressionLayer;

use super::{assert_untroubled, echo, routes};

#[tokio::test]
async fn compression_may_be_above_or_below() {
    assert_untroubled(routes().layer(echo()).layer(CompressionLayer::new())).await;
    assert_untroubled(routes().layer(CompressionLayer::new()).layer(echo())).await;
}

#[tokio::test]
async fn compression_above_delays_no_frame() {
    let (layer, mut sessions) = Sessions::capture(echo());
    let router = Router::new().layer(layer).layer(CompressionLayer::new());
    let server = Server::start(router).await;

    for wire in [Wire::XhrStreaming, Wire::EventSource, Wire::HtmlFile] {
        let request = server.peer().receive(wire);
        let request = request.header("Accept-Encoding", "gzip, deflate, br");
        let mut response = request.send().await;
        wire.expect_prelude(&mut response).await;
        response.expect(wire.frame("o")).await;
        let session = sessions.next().await;

        for n in 0..10 {
            session.try_send(n.to_string()).unwrap();
            let frame = wire.frame(&format!("a[\"{n}\"]"));
            assert_eq!(response.chunk().await.as_deref(), Some(frame.as_bytes()));
        }

        assert_ne!(response.header("content-encoding"), Some("gzip"));
        assert_not_cached(&response);
        session.close(3000, "Go away!");
        response.expect(wire.frame(r#"c[3000,"Go away!"]"#)).await;
        response.end().await;
    }
}

#[tokio::test]
async fn compression_above_compresses_polls() {
    let (layer, mut sessions) = Sessions::capture(echo());
    let router = Router::new().layer(layer).layer(CompressionLayer::new());
    let server = Server::start(router).await;

    for wire in [Wire::Xhr, Wire::Jsonp] {
        let peer = server.peer();
        peer.receiver(wire).expect("o").await;
        let session = sessions.next().await;
        session.try_send("x".repeat(10_000)).unwrap();

        let request = peer.receive(wire).header("Accept-Encoding", "gzip");
        let response = request.send().await;
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        assert!(vary(&response).contains(&"accept-encoding".to_owned()));
        assert_not_cached(&response);
        assert!(response.bytes().await.len() < 1000);

        session.try_send("next").unwrap();
        peer.receiver(wire).expect(r#"a["next"]"#).await;
    }
}

#[tokio::test]
async fn compression_above_leaves_the_other_answers_unchanged() {
    let router = Router::new().layer(echo()).layer(CompressionLayer::new());
    let server = Server::start(router).await;
    let gzip = |path| server.get(path).header("Accept-Encoding", "gzip");

    let iframe = gzip("/echo/iframe.html").send().await;
    assert_eq!(iframe.status, 200);
    let tag = iframe.header("etag").unwrap();
    let again = gzip("/echo/iframe.html").header("If-None-Match", tag);
    assert_eq!(again.send().await.status, 304);
    assert_eq!(gzip("/echo/info").send().await.status, 200);
    let greeting = gzip("/echo").send().await;
    assert_eq!(greeting.text().await, "Welcome to SockJS!\n");
    let peer = server.peer();
    peer.open().await;
    let send = peer.post("xhr_send").header("Accept-Encoding", "gzip");
    let sent = send.body(r#"["x"]"#).send().await;
    assert_eq!(sent.status, 204);
    assert_eq!(sent.header("content-encoding"), None);
}

fn vary(response: &Response<'_>) -> Vec<String> {
    let vary = response.headers.list("vary").into_iter();
    vary.map(|name| name.to_lowercase()).collect()
}
