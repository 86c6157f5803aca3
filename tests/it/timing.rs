//! The delays, to the millisecond: the paused clock of these tests advances only when all tasks
//! wait.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::pending;
use http::Request;
use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Direct, Sessions, Wire, next_piece, timed, unique_path};
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// One session of a layer with its default delays, opened with a poll and then left alone.
struct Bench {
    direct: Direct,
    sessions: Sessions,
    session: Session,
    path: String,
}

impl Bench {
    async fn open(configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone) -> Self {
        let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
        let direct = Direct::new(configure(layer));
        let path = unique_path("/echo");
        assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
        let session = sessions.next().await;
        Self {
            direct,
            sessions,
            session,
            path,
        }
    }

    async fn poll(&self) -> String {
        self.direct.post(&format!("{}/xhr", self.path)).await
    }

    /// Attaches a stream and reads up to its first frame, which has not come yet.
    async fn stream(&self) -> Body {
        let path = format!("{}/xhr_streaming", self.path);
        let mut body = self.direct.send("POST", &path, "").await.into_body();
        assert_eq!(next_piece(&mut body).await, Some("h".repeat(2048) + "\n"));
        body
    }
}

/// Asserts that a delay took as long as it should, up to the grain of tokio's timer.
fn assert_took(elapsed: Duration, expected: Duration) {
    let late = elapsed.checked_sub(expected);
    assert!(
        late.is_some_and(|late| late < Duration::from_millis(10)),
        "{elapsed:?}"
    );
}

/// P17: Heartbeats.
/// Limit: heartbeat_delay
#[tokio::test(start_paused = true)]
async fn a_heartbeat_follows_25_seconds_of_silence() {
    for wire in Wire::ALL {
        let bench = Bench::open(|layer| layer).await;
        let path = format!("{}/{}", bench.path, wire.endpoint());

        let (elapsed, mut body) = timed(bench.direct.send(wire.method(), &path, "")).await;
        let expected = wire.frame("h");
        if wire.streams() {
            assert_took(elapsed, Duration::ZERO);
            next_piece(body.body_mut()).await;
            // A client may listen without sending: an hour of heartbeats.
            for _ in 0..144 {
                let (elapsed, piece) = timed(next_piece(body.body_mut())).await;
                assert_eq!(
                    piece.as_ref(),
                    Some(&expected),
                    "{wire:?} after {elapsed:?}"
                );
                assert_took(elapsed, Duration::from_secs(25));
            }
        } else {
            assert_took(elapsed, Duration::from_secs(25));
            assert_eq!(
                next_piece(body.body_mut()).await,
                Some(expected),
                "{wire:?}"
            );
            assert_eq!(next_piece(body.body_mut()).await, None, "{wire:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_postpones_the_heartbeat() {
    let bench = Bench::open(|layer| layer).await;
    let mut body = bench.stream().await;

    for _ in 0..3 {
        sleep(Duration::from_secs(20)).await;
        bench.session.try_send("x").unwrap();
        assert_eq!(next_piece(&mut body).await.as_deref(), Some("a[\"x\"]\n"));
    }

    let (elapsed, piece) = timed(next_piece(&mut body)).await;
    assert_took(elapsed, Duration::from_secs(25));
    assert_eq!(piece.as_deref(), Some("h\n"));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_delay_of_zero_means_none() {
    let bench = Bench::open(|layer| layer.heartbeat_delay(Duration::ZERO)).await;
    let mut body = bench.stream().await;

    let silence = tokio::time::timeout(HOUR, next_piece(&mut body)).await;

    assert!(silence.is_err(), "{silence:?}");
    bench.session.try_send("x").unwrap();
    assert_eq!(next_piece(&mut body).await.as_deref(), Some("a[\"x\"]\n"));
}

/// P13: Absent client.
/// Limit: disconnect_delay
#[tokio::test(start_paused = true)]
async fn a_session_that_is_opened_and_never_used_ends_after_5_seconds() {
    let bench = Bench::open(|layer| layer).await;

    let (elapsed, ending) = timed(bench.session.closed()).await;

    assert_took(elapsed, Duration::from_secs(5));
    assert_eq!(ending.cause(), Cause::DisconnectTimeout);
}

#[tokio::test(start_paused = true)]
async fn an_attached_receiver_outlasts_the_disconnect_delay() {
    let bench = Bench::open(|layer| layer.heartbeat_delay(Duration::ZERO)).await;
    let direct = bench.direct.clone();
    let path = format!("{}/xhr", bench.path);
    let poll = tokio::spawn(async move { direct.post(&path).await });

    sleep(HOUR).await;
    bench.session.try_send("x").unwrap();

    assert_eq!(poll.await.unwrap(), "a[\"x\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_in_time_keeps_its_session() {
    let bench = Bench::open(|layer| layer).await;

    for n in 0..100 {
        sleep(Duration::from_millis(4900)).await;
        bench.session.try_send(n.to_string()).unwrap();
        assert_eq!(bench.poll().await, format!("a[\"{n}\"]\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn sends_alone_do_not_keep_a_session() {
    let bench = Bench::open(|layer| layer).await;

    let send = async {
        while bench.direct.payload(&bench.path, r#"["x"]"#).await == 204 {
            sleep(Duration::from_secs(1)).await;
        }
    };
    let (elapsed, (ending, ())) =
        timed(async { tokio::join!(timed(bench.session.closed()), send) }).await;

    assert_took(ending.0, Duration::from_secs(5));
    assert_eq!(ending.1.cause(), Cause::DisconnectTimeout);
    assert!(elapsed <= Duration::from_secs(7), "{elapsed:?}");
}

/// P16: Ended ids.
#[tokio::test(start_paused = true)]
async fn late_poll_does_not_revive_an_expired_session() {
    let bench = Bench::open(|layer| layer).await;
    bench.session.closed().await;

    for later in [0, 4, 6] {
        sleep(Duration::from_secs(later)).await;
        assert_eq!(bench.poll().await, "c[1002,\"Connection interrupted\"]\n");
        assert_eq!(bench.direct.payload(&bench.path, r#"["x"]"#).await, 404);
    }

    assert!(bench.sessions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn undelivered_messages_are_counted() {
    let bench = Bench::open(|layer| layer).await;
    for message in ["1", "2", "3"] {
        bench.session.try_send(message).unwrap();
    }

    let (elapsed, ending) = timed(bench.session.closed()).await;

    assert_took(elapsed, Duration::from_secs(5));
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::DisconnectTimeout, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_closing_session_without_a_receiver_ends_in_time() {
    let bench = Bench::open(|layer| layer).await;
    bench.session.try_send("x").unwrap();
    bench.session.close(3000, "Go away!");

    let (elapsed, ending) = timed(bench.session.closed()).await;

    assert!(elapsed <= Duration::from_millis(5010), "{elapsed:?}");
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::ClosedByApp, 1)
    );
    assert_eq!(ending.reason().code(), 3000);
}

/// P16: Ended ids.
#[tokio::test(start_paused = true)]
async fn a_close_is_repeated_until_the_disconnect_delay_is_over() {
    let bench = Bench::open(|layer| layer).await;
    bench.session.close(3000, "Go away!");

    for _ in 0..49 {
        assert_eq!(bench.poll().await, "c[3000,\"Go away!\"]\n");
        sleep(Duration::from_millis(100)).await;
    }
    assert!(bench.sessions.is_empty());
}

/// P14: Lost receiver.
#[tokio::test(start_paused = true)]
async fn losing_the_receiver_ends_the_session_at_once() {
    let bench = Bench::open(|layer| layer).await;
    let body = bench.stream().await;
    bench.session.try_send("never delivered").unwrap();

    drop(body);

    let (elapsed, ending) = timed(bench.session.closed()).await;
    assert_took(elapsed, Duration::ZERO);
    assert_eq!(
        (ending.cause(), ending.undelivered()),
        (Cause::ReceiverLost, 1)
    );
    assert_eq!(bench.poll().await, "c[1002,\"Connection interrupted\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_poll_is_a_lost_receiver() {
    let bench = Bench::open(|layer| layer).await;

    let given_up = tokio::time::timeout(Duration::from_secs(1), bench.poll()).await;

    assert!(given_up.is_err());
    let (elapsed, ending) = timed(bench.session.closed()).await;
    assert_took(elapsed, Duration::ZERO);
    assert_eq!(ending.cause(), Cause::ReceiverLost);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_after_the_send_timeout() {
    let configure = |layer: SockJsLayer| layer.send_buffer(1000).heartbeat_delay(Duration::ZERO);
    let bench = Bench::open(configure).await;
    let _unread = bench.stream().await;
    while bench.session.try_send("x".repeat(100)).is_ok() {}

    let (elapsed, ending) = timed(bench.session.closed()).await;

    assert_took(elapsed, Duration::from_secs(30));
    assert_eq!(ending.cause(), Cause::SlowClient);
    assert!(ending.undelivered() > 0);
}

/// Limit: body_timeout
#[tokio::test(start_paused = true)]
async fn a_body_that_never_arrives_is_408() {
    let bench = Bench::open(|layer| layer.disconnect_delay(HOUR)).await;
    let never = Body::from_stream(pending::<Result<Bytes, Infallible>>());
    let request = Request::post(format!("{}/xhr_send", bench.path)).body(never);

    let (_, response) = timed(bench.direct.call(request.unwrap())).await;

    assert_eq!(response.status(), 408);
    assert_eq!(bench.direct.payload(&bench.path, r#"["x"]"#).await, 204);
}
