//! The mounts of the standard test server, as other test suites expect them.

use std::time::Duration;

use serde_json::{Value, json};
use sockjs_cluster::{Cluster, Memory};
use support::{Direct, Peer, Server, Wire, next_piece, timed, unique_path, within};
use test_server::{DEFAULT_SOCKJS_URL, TestServer};
use tokio::net::TcpListener;

use crate::receive::GO_AWAY;

const MOUNTS: [&str; 7] = [
    "/echo",
    "/disabled_websocket_echo",
    "/cookie_needed_echo",
    "/close",
    "/ticker",
    "/broadcast",
    "/amplify",
];

async fn server() -> Server {
    Server::start(test_server::app()).await
}

async fn json(server: &Server, path: &str) -> Value {
    let response = server.get(path).send().await;
    assert_eq!(response.status, 200, "{path}");
    serde_json::from_str(&response.text().await).expect("JSON")
}

/// Opens a session whose stream stays attached, so that it does not end while the test looks away.
async fn open(server: &Server, mount: &str) -> (Peer, support::Receiver) {
    let peer = server.peer_at(unique_path(mount));
    let mut receiver = peer.receiver(Wire::XhrStreaming);
    receiver.expect("o").await;
    (peer, receiver)
}

#[tokio::test]
async fn every_mount_has_its_pages() {
    let server = server().await;

    for mount in MOUNTS {
        let greeting = server.get(mount).send().await.text().await;
        assert_eq!(greeting, "Welcome to SockJS!\n", "{mount}");
        let iframe = server
            .get(&format!("{mount}/iframe.html"))
            .send()
            .await
            .text()
            .await;
        let script = "<script src=\"http://localhost:8080/lib/sockjs.js\"></script>";
        assert!(iframe.contains(script), "{mount}: {iframe}");
        let info = json(&server, &format!("{mount}/info")).await;
        assert_eq!(
            info["websocket"],
            mount != "/disabled_websocket_echo",
            "{mount}"
        );
        assert_eq!(
            info["cookie_needed"],
            mount == "/cookie_needed_echo",
            "{mount}"
        );
        assert_eq!(info.get("base_url"), None, "{mount}");
    }
}

#[tokio::test]
async fn any_other_path_is_404() {
    let server = server().await;
    for path in [
        "/",
        "/ech",
        "/echoes",
        "/info",
        "/000/abc/xhr",
        "/_stats/",
        "/_statsx",
        "/_healthy",
        "/x/echo",
    ] {
        assert_eq!(server.get(path).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_echo_mounts_echo() {
    let server = server().await;
    for mount in ["/echo", "/disabled_websocket_echo", "/cookie_needed_echo"] {
        let (peer, mut receiver) = open(&server, mount).await;
        peer.send(r#"["x"]"#).await;
        receiver.expect(r#"a["x"]"#).await;

        let cookie = server.peer_at(unique_path(mount)).post("xhr").send().await;
        let expected = (mount == "/cookie_needed_echo").then_some("JSESSIONID=dummy; path=/");
        assert_eq!(cookie.header("set-cookie"), expected, "{mount}");
    }
}

#[tokio::test]
async fn echo_has_a_response_limit_of_4096() {
    let server = server().await;
    let (peer, mut receiver) = open(&server, "/echo").await;

    let message = "x".repeat(128);
    for _ in 0..31 {
        peer.send(format!("[\"{message}\"]")).await;
        receiver.expect(&format!("a[\"{message}\"]")).await;
    }
    receiver.complete().await;
}

#[tokio::test]
async fn websockets_are_off_at_disabled_websocket_echo() {
    let server = server().await;
    for path in [
        "/disabled_websocket_echo/websocket",
        "/disabled_websocket_echo/0/a/websocket",
    ] {
        assert_eq!(server.get(path).send().await.status, 404, "{path}");
        assert_eq!(server.post(path).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn close_closes_at_once() {
    let server = server().await;
    for wire in Wire::ALL {
        let peer = server.peer_at(unique_path("/close"));
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        receiver.expect(GO_AWAY).await;
        receiver.complete().await;
        assert_eq!(peer.answer(wire).await, wire.frame(GO_AWAY));
    }
}

#[tokio::test(start_paused = true)]
async fn ticker_ticks_every_second() {
    let direct = Direct::router(test_server::app());
    let path = unique_path("/ticker") + "/xhr_streaming";
    let mut body = direct.send("POST", &path, "").await.into_body();
    assert_eq!(
        next_piece(&mut body).await.map(|prelude| prelude.len()),
        Some(2049)
    );
    assert_eq!(next_piece(&mut body).await.as_deref(), Some("o\n"));

    for _ in 0..100 {
        let (elapsed, piece) = timed(next_piece(&mut body)).await;
        assert_eq!(piece.as_deref(), Some("a[\"tick!\"]\n"));
        assert_eq!(elapsed.as_millis() / 10, 100, "{elapsed:?}");
    }
}

#[tokio::test]
async fn broadcast_reaches_everybody_the_sender_included() {
    let server = server().await;
    let mut listeners = Vec::new();
    for _ in 0..5 {
        listeners.push(open(&server, "/broadcast").await);
    }

    listeners[0].0.send(r#"["a"]"#).await;
    for (_, receiver) in &mut listeners {
        receiver.expect(r#"a["a"]"#).await;
    }
    listeners[3].0.send(r#"["b"]"#).await;
    for (_, receiver) in &mut listeners {
        receiver.expect(r#"a["b"]"#).await;
    }
}

#[tokio::test]
async fn amplify_answers_with_a_power_of_two() {
    let server = server().await;
    let (peer, mut receiver) = open(&server, "/amplify").await;
    let cases = [
        ("1", 1),
        ("2", 2),
        ("10", 10),
        ("18", 18),
        ("0", 1),
        ("19", 1),
        ("-1", 1),
        ("1000000", 1),
        ("x", 1),
        ("", 1),
    ];

    for (message, power) in cases {
        peer.send(format!("[\"{message}\"]")).await;
        let messages = receiver.messages(1).await;
        assert!(
            messages == ["x".repeat(1 << power)],
            "{message}: {}",
            messages[0].len()
        );
    }
}

#[tokio::test]
async fn stats_count_what_the_handlers_hold() {
    let server = server().await;
    let stats = json(&server, "/_stats").await;
    let mut mounts: Vec<_> = stats["open"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = MOUNTS;
    expected.sort_unstable();
    mounts.sort_unstable();
    assert_eq!(mounts, expected);
    assert_eq!(stats["open"]["/echo"], 0);

    let (_, one) = open(&server, "/echo").await;
    let (_, other) = open(&server, "/echo").await;
    assert_eq!(json(&server, "/_stats").await["open"]["/echo"], 2);

    drop(one);
    until_open(&server, "/echo", 1).await;
    drop(other);
    until_open(&server, "/echo", 0).await;
}

async fn until_open(server: &Server, mount: &str, count: u64) {
    let counted = async {
        while json(server, "/_stats").await["open"][mount] != count {
            tokio::task::yield_now().await;
        }
    };
    within(format_args!("{count} sessions"), counted).await;
}

#[tokio::test]
async fn stats_count_how_sessions_ended() {
    let server = server().await;
    let (_, lost) = open(&server, "/echo").await;
    let (_, _kept) = open(&server, "/echo").await;
    let peer = server.peer_at(unique_path("/close"));
    peer.open().await;
    assert_eq!(peer.poll().await, format!("{GO_AWAY}\n"));

    drop(lost);
    until_ended(&server, "/echo", json!({"receiver_lost": 1})).await;
    until_ended(&server, "/close", json!({"closed_by_app": 1})).await;
    until_ended(&server, "/ticker", json!({})).await;
}

async fn until_ended(server: &Server, mount: &str, endings: Value) {
    let counted = async {
        while json(server, "/_stats").await["ended"][mount] != endings {
            tokio::task::yield_now().await;
        }
    };
    within(format_args!("{endings} of {mount}"), counted).await;
}

#[tokio::test]
async fn server_that_drains_is_not_healthy_and_keeps_its_sessions() {
    let test_server = TestServer::new(DEFAULT_SOCKJS_URL, None);
    let server = Server::start(test_server.router()).await;
    assert_eq!(server.get("/_health").send().await.status, 200);
    let (peer, mut receiver) = open(&server, "/echo").await;

    let drain = test_server.drain(Duration::MAX);
    let client = async {
        while server.get("/_health").send().await.status == 200 {
            tokio::task::yield_now().await;
        }
        peer.send(r#"["x"]"#).await;
        receiver.expect(r#"a["x"]"#).await;
        drop(receiver);
    };
    within("the end of the session", async {
        tokio::join!(drain, client)
    })
    .await;
    assert_eq!(server.get("/_health").send().await.status, 503);
    server.peer_at(unique_path("/echo")).open().await;

    test_server.shut_down(Duration::ZERO).await;
    assert_eq!(server.get("/echo/info").send().await.status, 503);
    until_open(&server, "/echo", 0).await;
}

/// Starts the test server as a node of a cluster.
async fn node(store: &Memory) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let cluster = Cluster::builder("a secret of 16 bytes or more")
        .advertise(listener.local_addr().expect("the socket is bound"))
        .join(store.clone())
        .await
        .expect("the options are right");
    tokio::spawn(cluster.serve(listener));
    let test_server = TestServer::new(DEFAULT_SOCKJS_URL, Some(&cluster));
    Server::start(test_server.router()).await
}

#[tokio::test]
async fn every_mount_is_part_of_the_cluster() {
    let store = Memory::new();
    let nodes = [node(&store).await, node(&store).await];
    for mount in MOUNTS {
        let path = unique_path(mount);
        nodes[0].peer_at(path.as_str()).open().await;
        let peer = nodes[1].peer_at(path.as_str());
        if mount == "/close" {
            assert_eq!(peer.poll().await, format!("{GO_AWAY}\n"));
        } else {
            peer.send("[]").await;
        }
    }
}

#[tokio::test]
async fn each_response_of_a_node_has_its_name() {
    let store = Memory::new();
    let nodes = [node(&store).await, node(&store).await];
    let mut names = Vec::new();
    for node in &nodes {
        for path in ["/echo/info", "/_stats", "/nothing"] {
            let response = node.get(path).send().await;
            names.push(response.header("x-node").unwrap().to_owned());
        }
    }
    assert!(names[..3].iter().all(|name| *name == names[0]), "{names:?}");
    assert!(names[3..].iter().all(|name| *name == names[3]), "{names:?}");
    assert_ne!(names[0], names[3]);
    assert_eq!(names[0].len(), 32);
    let alone = server().await.get("/_stats").send().await;
    assert_eq!(alone.header("x-node"), None);
}

#[tokio::test]
async fn broadcast_reaches_all_nodes() {
    let store = Memory::new();
    let nodes = [node(&store).await, node(&store).await, node(&store).await];
    let mut listeners = Vec::new();
    for node in &nodes {
        listeners.push(open(node, "/broadcast").await);
    }
    for speaker in 0..listeners.len() {
        let payload = format!("[\"{speaker}\"]");
        listeners[speaker].0.send(&payload).await;
        for (_, receiver) in &mut listeners {
            receiver.expect(&format!("a{payload}")).await;
        }
    }
}
