//! A body is read no longer than its session lasts.

use std::time::Duration;

use sockjs_axum::{Cause, SockJsLayer};
use support::{Direct, LIMIT, Sessions, ending, timed, unique_path};

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
