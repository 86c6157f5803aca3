//! What is in the log. It is a test of its own, because other tests in the same process would decide which
//! events are logged.

#![expect(clippy::unwrap_used, reason = "every line of these files is a test's")]

#[expect(dead_code, reason = "other tests need more")]
#[path = "nodes/bench.rs"]
mod bench;
#[expect(dead_code, reason = "other tests need more")]
#[path = "nodes/network.rs"]
mod network;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;
use tracing_subscriber::fmt::MakeWriter;

use crate::bench::Bench;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Neither ours nor that of HTTP/2, whatever the level.
#[tokio::test(start_paused = true)]
async fn no_session_id_and_no_key_is_in_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);

    let (bench, mut a, b) = Bench::two().await;
    let mut session = a.open("very-secret-id").await;
    assert_eq!(
        b.send("very-secret-id", "[\"x\"]").await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(session.recv().await.unwrap(), "x");
    session.send("y").await.unwrap();
    assert_eq!(b.poll("very-secret-id").await, "a[\"y\"]\n");
    bench.network.kill(a.addr);
    assert!(b.poll("very-secret-id").await.starts_with("c[1001"));
    sleep(Duration::from_secs(1)).await;

    let log = log.0.lock().unwrap();
    let log = String::from_utf8_lossy(&log);
    for span in ["claim", "relay", "answer"] {
        let span = format!("{span}{{mount=\"chat\"");
        assert!(log.contains(&span), "{span}");
    }
    assert!(log.contains("h2::"));
    assert!(!log.contains("very-secret-id"));
    for key in &*a.asked.lock().unwrap() {
        let hex: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!log.contains(&hex));
        let list = format!("{:?}", key.0);
        assert!(!log.contains(list.trim_matches(['[', ']'])));
    }
}
