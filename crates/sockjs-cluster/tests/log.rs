//! What is in the log. It is a test of its own, because other tests in the same process would decide which
//! events are logged.

#![expect(clippy::unwrap_used, reason = "every line of these files is a test's")]

#[expect(dead_code, reason = "other tests need more")]
#[path = "nodes/bench.rs"]
mod bench;
#[expect(dead_code, reason = "other tests need more")]
#[path = "nodes/network.rs"]
mod network;
#[cfg(feature = "redis")]
#[path = "support/redis_server.rs"]
#[expect(dead_code, reason = "other tests need more")]
#[expect(
    unreachable_pub,
    reason = "the file is part of a library of the workspace, too"
)]
mod redis_server;

#[cfg(feature = "redis")]
use std::io::Read;
use std::io::{self, Write};
#[cfg(feature = "redis")]
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[cfg(feature = "redis")]
use bytes::Bytes;
use http::StatusCode;
#[cfg(feature = "redis")]
use sockjs_axum::peers::SessionKey;
#[cfg(feature = "redis")]
use sockjs_cluster::{Entry, NodeId, Redis, Store, Unavailable};
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;
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

impl Log {
    /// Has the events of this thread, of all levels, written to a log.
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }
}

/// Neither ours nor that of HTTP/2, whatever the level.
#[tokio::test(start_paused = true)]
async fn no_session_id_and_no_key_is_in_the_log() {
    let (log, _default) = Log::start();
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

/// What Redis refuses, and what others have written there, may come up with every request.
#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_does_not_fill_the_log() {
    let Some(server) = redis_server::RedisServer::start() else {
        return;
    };
    let (log, _default) = Log::start();
    let redis = Redis::connect(&server.url()).await.unwrap();
    let (directory, topics) = redis.join("test");
    let owner = Entry {
        version: 1,
        node: NodeId([1; 16]),
        addr: SocketAddr::from(([127, 0, 0, 1], 4000)),
    };
    let minute = Duration::from_secs(60);
    let known = SessionKey([1; 16]);
    let foreign = SessionKey([2; 16]);
    directory.claim(known, &owner, minute).await.unwrap();
    topics.publish(b"a", Bytes::new()).await.unwrap();
    let name = [b"test:\xff", &foreign.0[..]].concat();
    command(&server, &[b"SET", &name, b"?"]);
    command(&server, &[b"ACL", b"SETUSER", b"default", b"-publish"]);
    for _ in 0..3 {
        assert_eq!(directory.find(foreign).await, Err(Unavailable));
        command(&server, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
        let other = SessionKey([3; 16]);
        let claimed = directory.claim(other, &owner, minute).await;
        assert_eq!(claimed, Err(Unavailable));
        command(&server, &[b"CONFIG", b"SET", b"maxmemory", b"0"]);
        assert_eq!(directory.find(known).await, Ok(Some(owner)));
        let published = topics.publish(b"a", Bytes::new()).await;
        assert_eq!(published, Err(Unavailable));
    }
    let log = log.0.lock().unwrap();
    let log = String::from_utf8_lossy(&log);
    for warning in [
        "a value that no node writes",
        "Redis refuses a command",
        "messages were not published",
    ] {
        let lines = log.lines().filter(|it| it.contains(" WARN "));
        let count = lines.filter(|it| it.contains(warning)).count();
        assert_eq!(count, 1, "{warning}");
    }
}

/// Has the server do a command that has no answer but `OK`.
#[cfg(feature = "redis")]
fn command(server: &redis_server::RedisServer, words: &[&[u8]]) {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    stream.write_all(&bytes).unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK\r\n");
}
