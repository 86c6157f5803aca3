//! The memory that idle and ended sessions keep of their requests, and of the topics that they are in. This is a binary of its own, because it
//! measures the memory of its process.

use std::{fs, hint::black_box};

use axum::{Router, http::header::AUTHORIZATION};
use sockjs_axum::{Session, SockJsLayer};
use support::{Direct, Server, until, within};

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
    memberships().await;
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

/// The sessions are in as many topics as possible. Each topic has the longest name and one member.
async fn memberships() {
    const SESSIONS: usize = 200;
    const TOPICS: usize = 128;
    let layer = SockJsLayer::new("/echo").on_session(async |mut session: Session| {
        for n in 0..TOPICS {
            let name = format!("{n:0220}{}", session.id());
            assert_eq!((name.len(), session.join(&name)), (256, Ok(())));
        }
        session.recv().await;
    });
    let handle = layer.handle();
    let direct = Direct::new(layer);
    let mut sessions = 0;
    let mut open = async |count: usize| {
        let before = memory();
        for _ in 0..count {
            sessions += 1;
            let path = format!("/echo/0/{sessions}/xhr");
            assert_eq!(direct.post(&path).await, "o\n");
        }
        until("memberships", || {
            let mut sessions = handle.sessions();
            sessions.all(|session| session.topics().len() == TOPICS)
        })
        .await;
        let kept = memory().saturating_sub(before);
        assert_eq!(handle.close_all(3000, "Go away!"), count);
        for n in sessions - count + 1..=sessions {
            let path = format!("/echo/0/{n}/xhr");
            assert_eq!(direct.post(&path).await, "c[3000,\"Go away!\"]\n");
        }
        until("the end", || handle.is_empty()).await;
        kept
    };
    open(1).await;
    let kept = open(SESSIONS).await / (SESSIONS * TOPICS);
    println!("{kept} bytes are kept of a membership");
    assert!(kept < KIB, "{kept} bytes");
    // What the first ones had is free.
    let more = open(SESSIONS).await;
    println!("{more} bytes more for as many others");
    assert!(more < 2 * MIB, "{more} bytes");
}
