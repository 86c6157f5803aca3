//! The mounts of the standard test server, as other test suites expect them.

use serde_json::Value;
use support::{Direct, Peer, Server, Wire, next_piece, timed, unique_path, within};

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
