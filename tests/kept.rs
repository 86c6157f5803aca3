//! The memory that idle and ended sessions keep of their requests. This is a binary of its own, because it
//! measures the memory of its process.

use std::{fs, hint::black_box};

use axum::{Router, http::header::AUTHORIZATION};
use sockjs_axum::{Session, SockJsLayer};
use support::{Direct, Server, within};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Returns how much memory the process has.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .expect("a size")
        .parse::<usize>()
        .expect("a number")
        * KIB
}

/// In one test, because tests that run at a time would measure each other.
#[tokio::test]
async fn nothing_large_is_kept_of_requests() {
    ended_sessions().await;
    bound_sessions().await;
    live_sessions().await;
}

/// 24 KiB each with keys as long as their prefixes: 120 MiB.
async fn ended_sessions() {
    const SESSIONS: usize = 5000;
    let layer = SockJsLayer::new("/")
        .on_session(async |session: Session| session.close(3000, "x".repeat(10_000)));
    let direct = Direct::router(Router::new().nest_service("/t/{tenant}", layer.into_service()));
    let open = async |n: usize| {
        let path = format!("/t/{}/0/{n}/xhr", format!("{n:08}").repeat(15_000 / 8));
        direct.post(&path).await;
        let told = direct.post(&path).await;
        assert!(told.starts_with("c[3000"), "{told}");
    };
    open(SESSIONS).await;
    let before = memory();
    for n in 0..SESSIONS {
        open(n).await;
    }
    let kept = memory().saturating_sub(before);
    println!("{} bytes are kept of an ended session", kept / SESSIONS);
    assert!(kept < 8 * MIB, "{kept} bytes");
    black_box(direct);
}

/// 223 KiB each with keys that are slices of a connection's buffer: 44 MiB.
async fn bound_sessions() {
    const SESSIONS: usize = 200;
    let server =
        Server::echo(|layer| layer.bind_session(|parts| parts.headers.get(AUTHORIZATION).cloned()))
            .await;
    let body = format!(
        "[{}]",
        vec![format!("\"{}\"", "x".repeat(1000)); 400].join(",")
    );
    let mut before = 0;
    for n in 0..=SESSIONS {
        if n == 1 {
            before = memory();
        }
        let mut connection = server.connect().await;
        let path = format!("/echo/0/{n}");
        let other = connection
            .post(&format!("/echo/0/x{n}/xhr_send"))
            .body(&body);
        let refused = within("an answer", other.send()).await;
        assert_eq!(refused.status, 404);
        refused.text().await;
        let open = connection.post(&format!("{path}/xhr"));
        let open = open.header("Authorization", format!("Bearer {n}"));
        let opened = within("an answer", open.send()).await;
        assert_eq!(opened.text().await, "o\n");
    }
    let kept = memory().saturating_sub(before);
    println!("{} bytes are kept of a bound session", kept / SESSIONS);
    assert!(kept < 6 * MIB, "{kept} bytes");
}

/// With the prefix and a key that contains it besides the head: 45 KiB each.
async fn live_sessions() {
    const SESSIONS: usize = 2000;
    let layer = SockJsLayer::new("/").on_session(async |mut session: Session| {
        assert_eq!(session.prefix().len(), 15_003);
        session.recv().await;
    });
    let direct = Direct::router(Router::new().nest_service("/t/{tenant}", layer.into_service()));
    let open = async |n: usize| {
        let tenant = format!("{n:08}").repeat(15_000 / 8);
        assert_eq!(direct.post(&format!("/t/{tenant}/0/{n}/xhr")).await, "o\n");
    };
    open(SESSIONS).await;
    let before = memory();
    for n in 0..SESSIONS {
        open(n).await;
    }
    let kept = memory().saturating_sub(before);
    println!("{} bytes are kept of a session", kept / SESSIONS);
    assert!(kept < SESSIONS * 24 * KIB, "{kept} bytes");
}
