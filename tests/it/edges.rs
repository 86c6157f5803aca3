//! Options at their edges: zeros, and prefixes that are not plain.

use std::{net::SocketAddr, panic, time::Duration};

use axum::{Router, extract::connect_info::MockConnectInfo};
use sockjs_axum::{SockJsLayer, TrySendError};
use support::{Direct, Peer, Server, Sessions, Wire, received, websocket_in_memory};

#[tokio::test]
async fn a_prefix_is_matched_as_browsers_encode_it() {
    for (prefix, path) in [
        ("/chät", "/ch%C3%A4t"),
        ("/with space/", "/with%20space"),
        ("with%20space", "/with%20space"),
        ("/a+b;c=d,e@f", "/a+b;c=d,e@f"),
        ("/what?", "/what%3F"),
    ] {
        let (layer, mut sessions) = Sessions::capture(SockJsLayer::new(prefix));
        let server = Server::start(Router::new().layer(layer)).await;
        let info = server.get(&format!("{path}/info")).send().await;
        assert_eq!(info.status, 200, "{prefix}");
        server.peer_at(format!("{path}/0/a")).open().await;
        assert_eq!(sessions.next().await.prefix(), path, "{prefix}");
        let websocket = format!("{path}/0/a/websocket");
        server.websocket(&websocket).open().await.expect("o").await;
        assert_eq!(
            sessions.next().await.path(),
            format!("{path}/0/-/websocket")
        );
    }
}

#[test]
fn delays_with_which_no_session_can_live_panic() {
    let panics = |configure: fn(SockJsLayer) -> SockJsLayer| {
        panic::catch_unwind(|| configure(SockJsLayer::new("/echo"))).is_err()
    };
    assert!(panics(|layer| layer.disconnect_delay(Duration::ZERO)));
    assert!(panics(|layer| layer.handshake_timeout(Duration::ZERO)));
    // These are "never".
    assert!(!panics(|layer| layer.heartbeat_delay(Duration::ZERO)));
    assert!(!panics(|layer| layer.pong_timeout(Duration::ZERO)));
    assert!(!panics(|layer| layer.send_timeout(Duration::ZERO)));
}

#[tokio::test]
async fn a_response_limit_of_zero_is_one_frame_a_response() {
    for limit in [0, 1] {
        let server = Server::echo(|layer| layer.response_limit(limit)).await;
        for wire in Wire::ALL {
            let peer = server.peer();
            let mut opened = peer.receive(wire).send().await;
            wire.expect_prelude(&mut opened).await;
            opened.expect(wire.frame("o")).await;
            opened.end().await;
            peer.send(r#"["x"]"#).await;
            let mut response = peer.receive(wire).send().await;
            wire.expect_prelude(&mut response).await;
            response.expect(wire.frame(r#"a["x"]"#)).await;
            response.end().await;
        }
    }
}

async fn statuses(peer: &Peer, bodies: [&str; 3]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for body in bodies {
        statuses.push(peer.send_status(body).await);
    }
    statuses
}

#[tokio::test]
async fn sizes_of_zero_are_taken_literally() {
    let bodies = ["[]", r#"[""]"#, r#"["x"]"#];
    let server = Server::echo(|layer| layer.message_limit(0)).await;
    let peer = server.peer();
    peer.open().await;
    assert_eq!(statuses(&peer, bodies).await, [204, 204, 413]);

    let server = Server::echo(|layer| layer.body_limit(0)).await;
    let peer = server.peer();
    peer.open().await;
    assert_eq!(statuses(&peer, bodies).await, [413; 3]);

    let server = Server::echo(|layer| layer.max_sessions(0)).await;
    assert_eq!(server.peer().post("xhr").send().await.status, 503);

    let (server, mut sessions) =
        Server::capture(|layer| layer.send_buffer(0).receive_buffer(0)).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    session.try_send("one").expect("the buffer is empty");
    let full = session.try_send("two");
    assert!(matches!(full, Err(TrySendError::Full(_))), "{full:?}");
    assert_eq!(peer.poll().await, "a[\"one\"]\n");
    peer.send(r#"["x"]"#).await;
    assert_eq!(received(&mut session).await, "x");
    peer.send(r#"["y"]"#).await;
    assert_eq!(received(&mut session).await, "y");
}

#[tokio::test]
async fn a_mocked_address_is_the_sessions_address() {
    let addr = SocketAddr::from(([192, 0, 2, 7], 1234));
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let router = Router::new().layer(layer).layer(MockConnectInfo(addr));

    let direct = Direct::router(router.clone());
    assert_eq!(direct.post("/echo/0/a/xhr").await, "o\n");
    assert_eq!(sessions.next().await.remote_addr(), Some(addr));
    for path in ["/echo/0/a/websocket", "/echo/websocket"] {
        let _socket = websocket_in_memory(router.clone(), path, 64 * 1024).await;
        assert_eq!(sessions.next().await.remote_addr(), Some(addr), "{path}");
    }
}
