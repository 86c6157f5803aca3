//! A body is read no longer than its session lasts.

use std::time::Duration;

use futures_util::FutureExt;
use sockjs_axum::{Cause, SockJsLayer};
use support::{Direct, LIMIT, Server, Sessions, ending, received, timed, unique_path};

use super::{body, post};

/// P30: Unknown sessions.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_ends_the_reading_of_its_bodies() {
    for endpoint in ["xhr_send", "jsonp_send"] {
        let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
        let handle = layer.handle();
        let direct = Direct::new(layer);
        let path = unique_path("/echo");
        assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
        let session = sessions.next().await;
        let (sender, body) = body();
        sender.send("[\"begun").unwrap();
        let request = tokio::spawn({
            let direct = direct.clone();
            let request = post(&path, endpoint, body);
            async move { direct.call(request).await.status().as_u16() }
        });

        // Nobody polls, so that the session ends after the disconnect delay.
        assert_eq!(ending(&session).await.cause(), Cause::DisconnectTimeout);
        drop(session);

        // The rest of the body may still be under way, but for so long.
        let (elapsed, status) = timed(tokio::time::timeout(LIMIT, request)).await;
        assert_eq!(status.unwrap().unwrap(), 404);
        assert!(elapsed <= Duration::from_millis(5010), "{elapsed:?}");
        assert!(sender.is_closed());
        assert!(handle.is_empty());
    }
}

/// P65: Lost forms.
#[tokio::test(start_paused = true)]
async fn a_form_that_is_too_slow_ends_its_session() {
    let layer = SockJsLayer::new("/echo").disconnect_delay(Duration::from_secs(600));
    let (layer, mut sessions) = Sessions::capture(layer);
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    let session = sessions.next().await;
    session.try_send("queued").unwrap();
    let (sender, body) = body();

    let response = direct.call(post(&path, "jsonp_send", body)).await;

    assert_eq!(response.status(), 408);
    drop(sender);
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "a[\"queued\"]\n");
    let told = direct.post(&format!("{path}/xhr")).await;
    assert_eq!(told, "c[1002,\"Connection interrupted\"]\n");
    assert_eq!(ending(&session).await.cause(), Cause::LimitExceeded);
}

/// P65: Lost forms.
#[tokio::test]
async fn a_form_whose_connection_breaks_ends_its_session() {
    let configure = |layer: SockJsLayer| layer.disconnect_delay(Duration::from_secs(600));
    // A form that breaks off before the owner of the session has heard of it never came.
    let (server, mut sessions) = Server::capture_alone(configure).await;
    for is_reset in [false, true] {
        let peer = server.peer();
        peer.open().await;
        let session = sessions.next().await;
        let mut connection = server.connect().await;
        let path = peer.path("jsonp_send");
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n");
        connection.write(head).await;
        connection.write("[\"half of a").await;
        if is_reset {
            connection.reset();
        } else {
            drop(connection);
        }

        // The poll waits until the server notices.
        assert_eq!(peer.poll().await, "c[1002,\"Connection interrupted\"]\n");
        assert_eq!(ending(&session).await.cause(), Cause::ReceiverLost);
    }
}

/// P65: Lost forms.
#[tokio::test(start_paused = true)]
async fn a_form_whose_request_is_dropped_ends_its_session() {
    for endpoint in ["xhr_send", "jsonp_send"] {
        let layer = SockJsLayer::new("/echo").disconnect_delay(Duration::from_secs(600));
        let (layer, mut sessions) = Sessions::capture(layer);
        let direct = Direct::new(layer);
        let path = unique_path("/echo");
        assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
        let mut session = sessions.next().await;
        let (sender, body) = body();
        sender.send("[\"half of a").unwrap();
        let request = direct.call(post(&path, endpoint, body));
        assert!(request.now_or_never().is_none());

        let url = format!("{path}/xhr");
        if endpoint == "jsonp_send" {
            let told = direct.post(&url).await;
            assert_eq!(told, "c[1002,\"Connection interrupted\"]\n");
            assert_eq!(ending(&session).await.cause(), Cause::ReceiverLost);
        } else {
            // The page hears that its request failed.
            let request = post(&path, endpoint, "[\"whole\"]".into());
            assert_eq!(direct.call(request).await.status(), 204);
            assert_eq!(received(&mut session).await, "whole");
        }
    }
}
