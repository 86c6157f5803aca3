//! The records of ended sessions.

use std::time::Duration;

use http_body_util::BodyExt as _;
use sockjs_axum::SockJsLayer;
use support::{Direct, Server, Wire, unique_path};

use crate::receive::GO_AWAY;

/// How many records a mount kept at most, whatever their age.
const STRANGERS: usize = 17_000;

/// Opens a session and closes it, through its handler.
async fn open_and_close(direct: &Direct, path: &str) -> String {
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    direct.post(&format!("{path}/xhr")).await
}

fn closing(layer: SockJsLayer) -> SockJsLayer {
    layer.on_session(async |session: sockjs_axum::Session| session.close(3000, "Go away!"))
}

#[tokio::test(start_paused = true)]
async fn sessions_of_strangers_do_not_push_out_one_that_has_just_ended() {
    let direct = Direct::new(closing(SockJsLayer::new("/echo")));
    let ours = unique_path("/echo");
    let told = open_and_close(&direct, &ours).await;
    assert_eq!(told, format!("{GO_AWAY}\n"));
    for n in 0..STRANGERS {
        open_and_close(&direct, &format!("/echo/0/stranger{n}")).await;
    }

    tokio::time::advance(Duration::from_millis(4900)).await;
    let late = direct.post(&format!("{ours}/xhr")).await;
    assert_eq!(late, told, "no new session was opened under the old id");
}

/// P60: No room.
/// Limit: max_ended_sessions
#[tokio::test(start_paused = true)]
async fn about_so_many_sessions_may_end_within_the_disconnect_delay() {
    let layer = closing(SockJsLayer::new("/echo")).max_ended_sessions(160);
    let direct = Direct::new(layer);
    for _ in 0..3 {
        let mut ended = Vec::new();
        let refused = loop {
            let path = unique_path("/echo");
            let response = direct.send("POST", &format!("{path}/xhr"), "").await;
            if response.status() == 503 {
                assert_eq!(response.headers()["retry-after"], "5");
                break path;
            }
            // A poll whose answer is thrown away has lost its client.
            let opened = response.into_body().collect().await;
            opened.expect("a body does not fail");
            direct.post(&format!("{path}/xhr")).await;
            ended.push(path);
            assert!(ended.len() <= 160);
        };
        assert!(ended.len() > 16, "{}", ended.len());
        // All of them are remembered.
        for path in &ended {
            let late = direct.post(&format!("{path}/xhr")).await;
            assert_eq!(late, format!("{GO_AWAY}\n"));
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(direct.post(&format!("{refused}/xhr")).await, "o\n");
        direct.post(&format!("{refused}/xhr")).await;
        tokio::time::advance(Duration::from_secs(60)).await;
    }
}

#[tokio::test]
async fn websockets_open_whatever_ended() {
    let server = Server::echo(|layer| layer.max_ended_sessions(0)).await;
    // At least one session for each part of the table.
    let mut statuses = Vec::new();
    for _ in 0..200 {
        let peer = server.peer();
        let stream = peer.receive(Wire::XhrStreaming).send().await;
        statuses.push(stream.status);
    }
    assert!(statuses.contains(&200), "{statuses:?}");
    for path in ["/echo/0/a/websocket", "/echo/websocket"] {
        server.websocket(path).open().await;
    }
}

#[tokio::test]
async fn a_long_reason_is_told_whole_by_the_session_and_short_afterwards() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    session.close(3000, "ü".repeat(100));

    let frame = |reason: &str| format!("c[3000,\"{reason}\"]\n");
    assert_eq!(peer.poll().await, frame(&"ü".repeat(100)));
    support::ending(&session).await;
    let late = async {
        let expected = frame(&"ü".repeat(61));
        while peer.poll().await != expected {
            tokio::task::yield_now().await;
        }
    };
    support::within("the record", late).await;
}
