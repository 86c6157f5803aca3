//! A body has a time in total, and a long one more of it.

use std::time::Duration;

use http::StatusCode;
use sockjs_axum::SockJsLayer;
use support::{Direct, Sessions, received, timed, unique_path};
use tokio::time::sleep;

use super::{body, post};

const FOREVER: Duration = Duration::from_secs(1_000_000);

fn patient() -> SockJsLayer {
    SockJsLayer::new("/echo").disconnect_delay(FOREVER)
}

/// Sends a body of one byte each `pause`, until it is answered.
async fn trickle(direct: &Direct, path: &str, endpoint: &str, pause: Duration) -> (u64, u16) {
    let (sender, body) = body();
    let sent = async move {
        while sender.send(" ").is_ok() {
            sleep(pause).await;
        }
    };
    let (elapsed, response) = timed(async {
        let (response, ()) = tokio::join!(direct.call(post(path, endpoint, body)), sent);
        response
    })
    .await;
    (elapsed.as_secs(), response.status().as_u16())
}

/// P64: Slow bodies.
#[tokio::test(start_paused = true)]
async fn a_trickle_is_408_after_the_body_timeout() {
    let direct = Direct::new(patient());
    for endpoint in ["xhr_send", "jsonp_send"] {
        for pause in [1, 12, 29] {
            let pause = Duration::from_secs(pause);
            let known = unique_path("/echo");
            assert_eq!(direct.post(&format!("{known}/xhr")).await, "o\n");
            for path in [known, unique_path("/echo")] {
                let (elapsed, status) = trickle(&direct, &path, endpoint, pause).await;
                assert_eq!(status, 408);
                // The client of the test notices only with its next byte.
                assert!((30..60).contains(&elapsed), "{elapsed} s, {pause:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_timeout_is_an_option_and_zero_is_no_limit() {
    for (timeout, expected) in [(3, Some(3)), (100, Some(100)), (0, None)] {
        let direct = Direct::new(patient().body_timeout(Duration::from_secs(timeout)));
        let (sender, body) = body();
        let request = direct.call(post("/echo/0/unknown", "xhr_send", body));
        let hour = Duration::from_secs(3600);

        let (elapsed, response) = timed(tokio::time::timeout(hour, request)).await;

        match expected {
            Some(seconds) => {
                assert_eq!(response.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
                assert_eq!(elapsed.as_secs(), seconds);
            }
            None => assert!(response.is_err()),
        }
        drop(sender);
    }
}

/// P64: Slow bodies.
#[tokio::test(start_paused = true)]
async fn a_long_body_on_a_slow_link_has_more_time() {
    let (layer, mut sessions) = Sessions::capture(patient());
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    let mut session = sessions.next().await;
    let (sender, body) = body();

    // 640 kB in 80 s.
    let eight: &'static str = "x".repeat(8000).leak();
    let send = async move {
        sender.send("[\"").unwrap();
        for _ in 0..80 {
            sender.send(eight).unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        sender.send("\"]").unwrap();
    };
    let (response, ()) = tokio::join!(direct.call(post(&path, "xhr_send", body)), send);

    assert_eq!(response.status(), 204);
    assert_eq!(received(&mut session).await.len(), 640_000);
}

/// Limit: rest of a body whose request is answered already, over HTTP/1
#[tokio::test(start_paused = true)]
async fn the_rest_of_a_refused_body_has_bounds() {
    let direct = Direct::new(patient().body_limit(1000));

    // Nothing arrives.
    let (sender, silent) = body();
    let (elapsed, response) = timed(direct.call(post("/echo/0/s", "nothing", silent))).await;
    assert_eq!((elapsed.as_secs(), response.status().as_u16()), (5, 404));
    assert!(sender.is_closed());

    let pause = Duration::from_secs(4);
    let (elapsed, status) = trickle(&direct, "/echo/0/s", "nothing", pause).await;
    assert_eq!(status, 404);
    assert!((30..35).contains(&elapsed), "{elapsed} s");

    // More than three times the limit.
    let (sender, long) = body();
    for _ in 0..1000 {
        sender.send("0123456789").unwrap();
    }
    let (elapsed, response) = timed(direct.call(post("/echo/0/s", "nothing", long))).await;
    assert_eq!((elapsed.as_secs(), response.status().as_u16()), (0, 404));
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_the_server_does_not_read_does_not_count() {
    let (layer, mut sessions) = Sessions::capture(patient().receive_buffer(1).body_limit(8));
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    let mut session = sessions.next().await;
    assert_eq!(direct.payload(&path, r#"["0"]"#).await, 204);

    // Some of them take what bodies may take, so that nobody reads the others.
    let mut waiting = Vec::new();
    for n in 1..=6 {
        let (direct, path) = (direct.clone(), path.clone());
        let payload = format!("[\"{n}\"]");
        waiting.push(tokio::spawn(async move {
            direct.payload(&path, &payload).await
        }));
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_secs(3600)).await;

    for n in 0..=6 {
        assert_eq!(received(&mut session).await, n.to_string());
    }
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), 204);
    }
}
