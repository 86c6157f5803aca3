//! A panic of an extractor affects its own request and nothing else.

use support::{Http2, Opening, Wire, within};

use super::{Gated, Verdict};

#[tokio::test]
async fn a_panicking_extractor_affects_its_own_request_only() {
    let mut gated = Gated::start(|layer| layer.max_sessions(2)).await;
    let peer = gated.server.peer();
    let mut healthy = peer.receiver(Wire::XhrStreaming);
    let (_, ()) = tokio::join!(healthy.expect("o"), gated.accept());
    let session = gated.session().await;

    for opening in Opening::ALL {
        let path = opening.path("/echo/000/abc");
        let request = opening.request(&gated.server, &path).start().await;
        let at_gate = gated.waiting().await;
        at_gate.send(Verdict::Panic).expect("the request waits");

        let mut connection = request.into_connection();
        within("the end of its connection", connection.ended()).await;
        assert_eq!(gated.handle.len(), 1, "{opening:?}");
        assert!(gated.sessions.is_empty(), "{opening:?}");
        session.try_send("x").expect("the session is open");
        healthy.expect(r#"a["x"]"#).await;
    }

    // Neither the id nor the place that they had is lost.
    let next = gated.server.peer_at("/echo/000/abc");
    let opened = next.post("xhr").start().await;
    gated.accept().await;
    assert_eq!(opened.response().await.text().await, "o\n");
    assert_eq!(gated.handle.len(), 2);
}

#[tokio::test]
async fn after_a_panic_another_request_opens_the_session() {
    let mut gated = Gated::start(|layer| layer).await;
    let peer = gated.server.peer();
    let panicking = peer.post("xhr").start().await;
    let one = gated.waiting().await;
    let other = peer.post("xhr").start().await;
    let two = gated.waiting().await;

    one.send(Verdict::Panic).expect("the request waits");
    panicking.into_connection().ended().await;
    two.send(Verdict::Accept).expect("the request waits");

    assert_eq!(other.response().await.text().await, "o\n");
    assert_eq!(gated.handle.len(), 1);
}

#[tokio::test]
async fn a_panicking_extractor_leaves_other_http2_streams_open() {
    const PATH: &str = "/echo/000/abc/websocket";
    let mut gated = Gated::start(|layer| layer).await;
    let client = Http2::connect(gated.server.addr()).await;
    let (mut healthy, ()) = tokio::join!(client.websocket(PATH), gated.accept());
    healthy.expect("o").await;
    let session = gated.session().await;

    let panicking = tokio::spawn({
        let client = client.clone();
        async move { client.websocket(PATH).await }
    });
    let at_gate = gated.waiting().await;
    at_gate.send(Verdict::Panic).expect("the request waits");

    let unanswered = within("the end of its stream", panicking).await;
    unanswered.expect_err("it has no answer");
    session.try_send("x").expect("the session is open");
    healthy.expect(r#"a["x"]"#).await;
    let (mut next, ()) = tokio::join!(client.websocket(PATH), gated.accept());
    next.expect("o").await;
}
