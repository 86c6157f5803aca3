//! `max_sessions_per_key`: one client cannot take the places of the others.

use std::time::Duration;

use axum::{
    Router,
    http::{StatusCode, request::Parts},
};
use sockjs_axum::{Session, SockJsLayer};
use support::{Clock, Http2, Opening, Server, Sessions, Wire, unique_path, until};

/// Returns the client that the request names.
fn client(parts: &Parts) -> Option<String> {
    let client = parts.headers.get("x-client")?.to_str().ok()?;
    Some(client.to_owned())
}

fn limited(layer: SockJsLayer) -> SockJsLayer {
    layer.max_sessions_per_key(2, client)
}

async fn open(server: &Server, opening: Opening, client: &str) -> support::Response<'static> {
    let path = opening.path(&unique_path("/echo"));
    let request = opening.request(server, &path);
    request.header("X-Client", client).send().await
}

/// P60: No room.
/// Limit: max_sessions_per_key
#[tokio::test]
async fn a_client_with_all_its_sessions_is_refused_and_others_are_not() {
    for opening in Opening::ALL {
        for second in Opening::ALL {
            let (server, mut sessions) = Server::capture_alone(limited).await;
            let _first = open(&server, opening, "mallory").await;
            let _second = open(&server, second, "mallory").await;
            let mut held = vec![sessions.next().await, sessions.next().await];
            for third in Opening::ALL {
                let refused = open(&server, third, "mallory").await;
                assert_eq!(refused.status, 429, "{opening:?}, {second:?}, {third:?}");
                assert_eq!(refused.header("retry-after"), Some("5"));
                assert_eq!(refused.text().await, "Too many sessions of one client.");
            }
            assert!(sessions.is_empty());
            let other = open(&server, opening, "alice").await;
            assert_eq!(other.status, opening.status(), "{opening:?}");
            held.push(sessions.next().await);
        }
    }
}

#[tokio::test]
async fn one_client_over_one_http2_connection_leaves_room_for_others() {
    let (server, mut sessions) =
        Server::capture_alone(|layer| layer.max_sessions(10).max_sessions_per_key(2, client)).await;
    let http2 = Http2::connect(server.addr()).await;
    let mut streams = Vec::new();
    for n in 0..20 {
        let request = http::Request::post(format!("http://localhost/echo/0/{n}/xhr_streaming"));
        let request = request.header("x-client", "mallory").body(());
        let response = http2.send(request.expect("a valid request")).await;
        let expected = if n < 2 { 200 } else { 429 };
        assert_eq!(response.status(), expected);
        streams.push(response);
    }
    let _mallory = [sessions.next().await, sessions.next().await];
    for opening in Opening::ALL {
        let other = open(&server, opening, &format!("{opening:?}")).await;
        assert_eq!(other.status, opening.status(), "{opening:?}");
    }
}

#[tokio::test]
async fn requests_of_sessions_that_exist_are_not_counted() {
    let (server, mut sessions) = Server::capture(|layer| limited(layer).response_limit(1)).await;
    let peer = server.peer();
    let request = |wire| peer.receive(wire).header("X-Client", "alice");
    let opened = request(Wire::Xhr).send().await;
    assert_eq!(opened.text().await, "o\n");
    let session = sessions.next().await;
    for wire in Wire::ALL {
        session.try_send("x").expect("the session is open");
        assert_eq!(request(wire).send().await.status, 200, "{wire:?}");
        assert_eq!(peer.send_status(r#"["y"]"#).await, 204);
    }
    // Whoever asks.
    session.try_send("x").expect("the session is open");
    assert_eq!(peer.poll().await, "a[\"x\"]\n");
}

#[tokio::test]
async fn an_ended_session_makes_room_for_another_of_the_client() {
    let clock = Clock::freeze();
    let (layer, mut sessions) = Sessions::capture(limited(SockJsLayer::new("/echo")));
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    for opening in Opening::ALL {
        for _ in 0..3 {
            let mut held = Vec::new();
            let both = async {
                while held.len() < 2 {
                    let response = open(&server, opening, "alice").await;
                    if response.status == opening.status() {
                        held.push((response, sessions.next().await));
                    }
                }
            };
            support::within("two places", both).await;
            assert_eq!(open(&server, opening, "alice").await.status, 429);
            for (response, session) in held {
                session.close(3000, "Go away!");
                drop(response);
            }
            // A client that polls is absent, and has the disconnect delay.
            while !handle.is_empty() {
                clock.advance(Duration::from_secs(1)).await;
            }
        }
    }
}

#[tokio::test]
async fn openings_count_while_extractors_run_and_not_after_a_rejection() {
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    #[derive(Clone)]
    struct Gate(Arc<Semaphore>);
    struct Refused;
    impl axum::extract::FromRequestParts<Gate> for Refused {
        type Rejection = StatusCode;
        async fn from_request_parts(_: &mut Parts, gate: &Gate) -> Result<Self, StatusCode> {
            gate.0.acquire().await.expect("it is open").forget();
            Err(StatusCode::IM_A_TEAPOT)
        }
    }
    let gate = Gate(Arc::new(Semaphore::new(0)));
    let layer = limited(SockJsLayer::new("/echo"))
        .on_session(async |_: Refused, _: Session| {})
        .with_state(gate.clone());
    let server = Server::start(axum::Router::new().layer(layer)).await;

    for opening in Opening::ALL {
        let request = || {
            let request = opening.request(&server, &opening.path(&unique_path("/echo")));
            request.header("X-Client", "alice").start()
        };
        let mut waiting = [request().await, request().await];
        // One of three requests is refused at once: the two others have the client's places.
        let third = request().await;
        let [first, second] = &mut waiting;
        let mut third = third;
        let refused = support::within("a refusal", async {
            tokio::select! {
                () = first.answered() => 0,
                () = second.answered() => 1,
                () = third.answered() => 2,
            }
        });
        let refused = refused.await;
        gate.0.add_permits(2);
        let mut statuses = Vec::new();
        let [first, second] = waiting;
        for pending in [first, second, third] {
            statuses.push(pending.response().await.status);
        }
        assert_eq!(statuses.remove(refused), 429, "{opening:?}");
        assert_eq!(statuses, [418, 418], "{opening:?}");
    }
}

#[tokio::test]
async fn a_key_of_nobody_is_a_key_like_any_other() {
    let (server, mut sessions) = Server::capture_alone(limited).await;
    let mut held = Vec::new();
    for expected in [200, 200, 429] {
        let opened = server.peer().post("xhr").send().await;
        assert_eq!(opened.status, expected);
        if expected == 200 {
            held.push(sessions.next().await);
        }
    }
    assert_eq!(open(&server, Opening::ALL[0], "alice").await.status, 200);
}

#[tokio::test]
async fn a_refused_client_takes_no_place_of_the_mount() {
    let layer = SockJsLayer::new("/echo")
        .max_sessions(3)
        .max_sessions_per_key(2, client);
    let handle = layer.handle();
    let server = Server::start(axum::Router::new().layer(layer)).await;
    let mut streams = Vec::new();
    for expected in [200, 200, 429, 429, 429, 429] {
        let stream = open(&server, Opening::Http(Wire::XhrStreaming), "mallory").await;
        assert_eq!(stream.status, expected);
        streams.push(stream);
    }
    let alice = open(&server, Opening::Http(Wire::XhrStreaming), "alice").await;
    assert_eq!(alice.status, 200);
    // The mount is full, and a request that the mount refuses takes none of the client's places.
    for _ in 0..3 {
        let bob = open(&server, Opening::Http(Wire::XhrStreaming), "bob").await;
        assert_eq!(bob.status, 503);
    }
    drop(streams);
    until("the end of the streams", || handle.len() == 1).await;
    for _ in 0..2 {
        let poll = || open(&server, Opening::Http(Wire::Xhr), "bob");
        while poll().await.status == 503 {
            tokio::task::yield_now().await;
        }
    }
}
