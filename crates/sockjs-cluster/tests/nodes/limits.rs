//! What is too long for other nodes.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use sockjs_axum::SlowPolicy;
use sockjs_cluster::{Cluster, Memory};
use tokio::time::sleep;

use crate::bench::{Bench, SECRET};

async fn cluster() -> Cluster {
    let builder = Cluster::builder(SECRET).advertise(([127, 0, 0, 1], 1).into());
    builder.join(Memory::new()).await.unwrap()
}

#[tokio::test]
async fn name_of_a_mount_may_have_256_bytes() {
    cluster().await.mount(&"x".repeat(256));
}

/// Limit: name of a mount in a cluster.
#[tokio::test]
#[should_panic = "at most 256 bytes"]
async fn longer_name_of_a_mount_panics() {
    cluster().await.mount(&"x".repeat(257));
}

/// Limit: query and Content-Type of a relayed request.
#[tokio::test(start_paused = true)]
async fn long_queries_are_not_relayed_and_the_session_goes_on() {
    let (_bench, mut a, b) = Bench::two().await;
    let mut session = a.open("s").await;
    for (len, sent, polled) in [
        (4096, StatusCode::NO_CONTENT, "a[\"y\"]\n"),
        (
            4097,
            StatusCode::SERVICE_UNAVAILABLE,
            "c[1001,\"Going away\"]\n",
        ),
    ] {
        let query = "q".repeat(len);
        let payload = Body::from("[\"x\"]");
        let reply = b.request("s", &format!("xhr_send?{query}"), payload).await;
        assert_eq!(reply.status, sent, "{len}");
        session.send("y").await.unwrap();
        let reply = b.receive("s", &format!("xhr?{query}")).await;
        assert_eq!(reply.text().await, polled, "{len}");
    }
    assert_eq!(session.recv().await.unwrap(), "x");
    assert_eq!(b.poll("s").await, "a[\"y\"]\n");
}

/// Limit: message to the sessions of other nodes.
#[tokio::test(start_paused = true)]
async fn message_above_8_mib_stays_on_its_node() {
    let (_bench, mut a, mut b) = Bench::two().await;
    let (_own, _other) = (a.open("s").await, b.open("t").await);
    for (len, is_unpublished) in [(8 << 20, false), ((8 << 20) + 1, true)] {
        let outcome = a.handle.broadcast("x".repeat(len), SlowPolicy::Skip).await;
        assert_eq!(outcome.unpublished, is_unpublished, "{len}");
        assert_eq!(outcome.sent + outcome.skipped, 1);
        sleep(Duration::from_millis(100)).await;
        let own = a.poll("s").await.len();
        assert_eq!(own, len + "a[\"\"]\n".len());
        if !is_unpublished {
            assert_eq!(b.poll("t").await.len(), own);
        }
    }
    a.handle.broadcast("last", SlowPolicy::Skip).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(b.poll("t").await, "a[\"last\"]\n");
}
