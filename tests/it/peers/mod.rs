//! Several nodes, any of which answers any request of a session. The relays are calls in one process:
//! the crate `sockjs-cluster` has the tests of the network between nodes.

mod claims;
mod drain;
mod failures;
mod settling;
mod topics;

use axum::Router;
use sockjs_axum::{SockJsHandle, SockJsLayer};
use support::{Nodes, PATIENCE, Peer, Server, Sessions, Wire, received, unique_path, within};

use crate::receive::{ANOTHER_CONNECTION, GO_AWAY};

/// One node.
struct Node {
    server: Server,
    handle: SockJsHandle,
    sessions: Sessions,
}

/// Starts three nodes with the same options.
async fn start(configure: impl Fn(SockJsLayer) -> SockJsLayer) -> (Nodes, [Node; 3]) {
    let nodes = Nodes::default();
    let node = async || {
        let layer = SockJsLayer::new("/echo")
            .disconnect_delay(PATIENCE)
            .heartbeat_delay(PATIENCE)
            .send_timeout(PATIENCE);
        let (layer, sessions) = Sessions::capture(nodes.join(configure(layer)));
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        Node {
            server,
            handle,
            sessions,
        }
    };
    let three = [node().await, node().await, node().await];
    (nodes, three)
}

/// A session as clients see it through each node.
fn peers(nodes: &[Node; 3]) -> [Peer; 3] {
    let path = unique_path("/echo");
    [0, 1, 2].map(|node| nodes[node].server.peer_at(path.as_str()))
}

#[test]
#[should_panic(expected = "the mount has peers already")]
fn a_mount_with_peers_gets_no_others() {
    let nodes = Nodes::default();
    let _ = nodes.join(nodes.join(SockJsLayer::new("/echo")));
}

#[test]
#[should_panic(expected = "the layer was applied before it got its peers")]
fn a_layer_that_was_applied_gets_no_peers() {
    let layer = SockJsLayer::new("/echo");
    let _router: Router = Router::new().layer(layer.clone());
    let _ = Nodes::default().join(layer);
}

#[tokio::test]
async fn every_transport_receives_and_sends_through_every_node() {
    let (_nodes, mut nodes) = start(|layer| layer).await;
    for wire in Wire::ALL {
        let [a, b, c] = peers(&nodes);
        a.open().await;
        let mut session = nodes[0].sessions.next().await;
        let mut receiver = b.receiver(wire);
        receiver.attach().await;
        for n in 0..3 {
            session.try_send(format!("down {n}")).unwrap();
            assert_eq!(
                receiver.messages(1).await,
                [format!("down {n}")],
                "{wire:?}"
            );
            receiver.attach().await;
        }

        c.send(format!(r#"["up to {wire:?}"]"#)).await;
        assert_eq!(received(&mut session).await, format!("up to {wire:?}"));
        let form = c.post("jsonp_send").body("d=%5B%22form%22%5D");
        let form = form.header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(form.send().await.text().await, "ok");
        assert_eq!(received(&mut session).await, "form");

        session.close(3000, "Go away!");
        assert_eq!(receiver.next_frame().await, GO_AWAY, "{wire:?}");
        assert!(nodes[1].sessions.is_empty() && nodes[2].sessions.is_empty());
    }
}

#[tokio::test]
async fn a_relayed_response_is_as_that_of_one_node_byte_for_byte() {
    let (_nodes, mut nodes) = start(|layer| layer).await;
    for wire in Wire::ALL {
        let mut answers = Vec::new();
        for node in [0, 1] {
            let path = unique_path("/echo");
            nodes[0].server.peer_at(path.as_str()).open().await;
            let session = nodes[0].sessions.next().await;
            session.try_send("\u{1}\"%<\u{2028}ü").unwrap();
            session.try_send("x".repeat(100_000)).unwrap();
            session.close(3000, "Go away!");
            let peer = nodes[node].server.peer_at(path.as_str());
            let mut response = peer.receive(wire).header("Origin", "http://a").send().await;
            let mut headers = response.headers.names();
            headers.sort_unstable();
            let head = (
                response.status,
                headers,
                response.header("content-type").map(str::to_owned),
            );
            wire.expect_prelude(&mut response).await;
            answers.push((head, response.text().await));
        }
        assert_eq!(answers[0], answers[1], "{wire:?}");
    }
}

#[tokio::test]
async fn refusals_come_from_the_owner() {
    let (_nodes, nodes) = start(|layer| layer.message_limit(10).body_limit(1000)).await;
    let [a, b, _] = peers(&nodes);
    a.open().await;
    for (body, status, text) in [
        (String::new(), 500, "Payload expected."),
        ("[5]".to_owned(), 500, "Broken JSON encoding."),
        (format!("[{:?}]", "x".repeat(11)), 413, "Message too large."),
        ("x".repeat(2000), 413, "Request body too large."),
        (format!("[{:?}]", "x".repeat(10)), 204, ""),
    ] {
        let there = a.post("xhr_send").body(&body).send().await;
        let here = b.post("xhr_send").body(&body).send().await;
        assert_eq!([there.status, here.status], [status; 2], "{body}");
        let types = [&there, &here].map(|it| it.header("content-type").map(str::to_owned));
        assert_eq!(types[0], types[1], "{body}");
        assert_eq!(there.text().await, text);
        assert_eq!(here.text().await, text);
    }
    let chunks = b.post("xhr_send").chunks([r#"["#, r#""abc""#, r#"]"#]);
    assert_eq!(chunks.send().await.status, 204);
}

#[tokio::test]
async fn a_second_receiver_is_turned_away_whichever_node_it_asks() {
    let (_nodes, mut nodes) = start(|layer| layer).await;
    for wire in Wire::ALL {
        let [a, b, c] = peers(&nodes);
        a.open().await;
        let session = nodes[0].sessions.next().await;
        let mut first = b.receiver(Wire::XhrStreaming);
        first.attach().await;
        for other in [&a, &c] {
            assert_eq!(other.answer(wire).await, wire.frame(ANOTHER_CONNECTION));
        }
        session.try_send("x").unwrap();
        first.expect(r#"a["x"]"#).await;
    }
}

#[tokio::test]
async fn two_first_requests_open_one_session() {
    let (_nodes, mut nodes) = start(|layer| layer).await;
    for _ in 0..20 {
        let [a, b, c] = peers(&nodes);
        let opened = async {
            support::until("a session", || {
                nodes.iter().any(|node| !node.handle.is_empty())
            })
            .await;
            // Those that wait are answered, too.
            nodes.iter().for_each(|node| {
                node.handle.close_all(3000, "Go away!");
            });
            nodes.iter().map(|node| node.handle.len()).sum::<usize>()
        };
        let all = async { tokio::join!(a.poll(), b.poll(), c.poll(), opened) };
        let (a, b, c, opened) = within("the answers", all).await;
        assert_eq!(opened, 1);
        let told = [a, b, c];
        let count = |text: &str| told.iter().filter(|it| it.trim_end() == text).count();
        assert_eq!(count("o"), 1, "{told:?}");
        assert_eq!(count(ANOTHER_CONNECTION) + count(GO_AWAY), 2, "{told:?}");
        for node in &mut nodes {
            while !node.sessions.is_empty() {
                drop(node.sessions.next().await);
            }
        }
    }
}

#[tokio::test]
async fn a_bound_session_is_bound_on_every_node() {
    let bound =
        |layer: SockJsLayer| layer.bind_session(|parts| parts.headers.get("x-user").cloned());
    let (_nodes, mut nodes) = start(bound).await;
    let [a, b, _] = peers(&nodes);
    let opened = a.post("xhr").header("X-User", "alice").send().await;
    assert_eq!(opened.text().await, "o\n");
    let mut session = nodes[0].sessions.next().await;
    for (user, status) in [("bob", 404), ("alice", 204)] {
        let send = b.post("xhr_send").body(r#"["x"]"#).header("X-User", user);
        assert_eq!(send.send().await.status, status, "{user}");
    }
    assert_eq!(received(&mut session).await, "x");
    for wire in Wire::ALL {
        let intruder = b.receive(wire).header("X-User", "bob").send().await;
        assert_eq!(intruder.status, 404, "{wire:?}");
        assert_eq!(intruder.text().await, "");
    }
}

#[tokio::test]
async fn the_address_of_a_client_is_that_which_its_node_sees() {
    let (_nodes, mut nodes) = start(|layer| layer).await;
    let [a, b, _] = peers(&nodes);
    a.open().await;
    let session = nodes[0].sessions.next().await;
    let mut stream = b.receive(Wire::XhrStreaming).send().await;
    let client = stream.connection().local_addr();
    assert_eq!(session.remote_addr(), Some(client));
    assert_eq!(session.transport(), Wire::XhrStreaming.transport());
}
