//! The memory that WebSocket clients can make the server hold. This is a binary of its own, because
//! it measures the memory of its process.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use sockjs_axum::{Cause, Session, SockJsLayer};
use support::{Frame, Http2, Opcode, Server, until};
use tokio::sync::Mutex;

/// One test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

const PATHS: [&str; 2] = ["/echo/000/abc/websocket", "/echo/websocket"];

const MIB: usize = 1024 * 1024;

/// Returns how many bytes of memory this process has; `None` on systems other than Linux.
fn memory() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS"))?;
    let kilobytes = line.trim_matches([':', ' ', '\t']).strip_suffix(" kB")?;
    Some(kilobytes.parse::<usize>().ok()? * 1024)
}

/// Asserts how much memory was added since `before`.
fn assert_added(before: Option<usize>, most: usize, what: &str) {
    let Some((before, now)) = before.zip(memory()) else {
        return;
    };
    let added = now.saturating_sub(before);
    println!("{what}: {} kB", added / 1024);
    assert!(added < most, "{what}: {added} bytes");
}

async fn start() -> Server {
    Server::echo(|layer| layer).await
}

#[tokio::test]
async fn pings_cost_no_memory() {
    let _alone = ALONE.lock().await;
    const CLIENTS: usize = 4;
    let server = start().await;
    // 16 MiB for each client.
    let ping = Frame::new(Opcode::Ping, "x".repeat(125)).masked();
    let pings = ping.repeat(16 * MIB / ping.len());
    for path in PATHS {
        let before = memory();
        let mut sockets = Vec::new();
        for _ in 0..CLIENTS {
            let mut socket = server.websocket(path).open().await;
            socket.write_until_blocked(&pings).await;
            sockets.push(socket);
        }
        assert_added(before, CLIENTS * MIB, path);
    }
}

#[tokio::test]
async fn pings_over_http2_cost_a_window() {
    let _alone = ALONE.lock().await;
    const CLIENTS: usize = 4;
    let server = start().await;
    let ping = Frame::new(Opcode::Ping, "x".repeat(125)).masked();
    let pings = ping.repeat(16 * MIB / ping.len());
    for path in PATHS {
        let before = memory();
        let mut sockets = Vec::new();
        for _ in 0..CLIENTS {
            // A client that gets many small frames and reads none ends the connection.
            let client = Http2::connect_with_window(server.addr(), 2000).await;
            let mut socket = client.websocket(path).await;
            socket.write_until_blocked(&pings).await;
            sockets.push(socket);
        }
        // What hyper takes from a client before anybody reads it, and the client's own buffers.
        assert_added(before, CLIENTS * 4 * MIB, path);
    }
}

#[tokio::test]
async fn half_a_message_costs_no_more_than_twice_its_limit() {
    let _alone = ALONE.lock().await;
    const CLIENTS: usize = 10;
    const BODY_LIMIT: usize = 2 * MIB;
    let server = start().await;
    // As long as a message may be, in fragments, and an unfinished fragment as long as one may be.
    let fragment = Frame::new(Opcode::Text, " ".repeat(BODY_LIMIT / 4)).to_be_continued();
    let more = Frame::new(Opcode::Continuation, " ".repeat(BODY_LIMIT / 4)).to_be_continued();
    let last = Frame::new(Opcode::Continuation, " ".repeat(BODY_LIMIT));
    let mut half = fragment.masked();
    for _ in 0..3 {
        half.extend(more.masked());
    }
    let last = last.masked();
    half.extend(&last[..last.len() - 1]);

    let before = memory();
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = server.websocket(PATHS[0]).open().await;
        socket.expect("o").await;
        socket.write(&half).await;
        sockets.push(socket);
    }
    if let Some(before) = before {
        let has_arrived = || memory().is_some_and(|now| now > before + CLIENTS * BODY_LIMIT);
        until("most of all messages", has_arrived).await;
    }

    assert_added(before, CLIENTS * 5 * BODY_LIMIT / 2, "half a message");
}

#[tokio::test]
async fn a_long_message_leaves_little_behind() {
    let _alone = ALONE.lock().await;
    const CLIENTS: usize = 50;
    // The clients receive short messages alone, so that they keep little themselves.
    async fn count(mut session: Session) {
        while let Some(message) = session.recv().await {
            let counted = session.send(message.len().to_string()).await;
            counted.expect("the client is there");
        }
    }
    let layer = SockJsLayer::new("/echo").on_session(count);
    let server = Server::start(Router::new().layer(layer)).await;
    let text = format!("[\"{}\"]", "x".repeat(MIB / 2));
    let whole = Frame::new(Opcode::Text, text.clone()).masked();
    let (begin, end) = text.split_at(text.len() / 2);
    let mut fragments = Frame::new(Opcode::Text, begin.to_owned())
        .to_be_continued()
        .masked();
    fragments.extend(Frame::new(Opcode::Continuation, end.to_owned()).masked());
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = server.websocket(PATHS[0]).open().await;
        socket.expect("o").await;
        sockets.push(socket);
    }

    let before = memory();
    for message in [&whole, &fragments] {
        for socket in &mut sockets {
            socket.write(message).await;
            assert_eq!(socket.messages(1).await, [(MIB / 2).to_string()]);
        }
    }

    assert_added(before, CLIENTS * 64 * 1024, "idle after a long message");
}

#[tokio::test]
async fn a_backlog_leaves_little_behind() {
    let _alone = ALONE.lock().await;
    const CLIENTS: usize = 50;
    async fn flood(mut session: Session) {
        let text = "x".repeat(1000);
        // Both queues are as full as they can be.
        while session.recv().await.is_some() {
            while session.try_send(text.as_str()).is_ok() {}
        }
    }
    let layer = SockJsLayer::new("/echo").on_session(flood);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = server.websocket(PATHS[0]).open().await;
        socket.expect("o").await;
        sockets.push(socket);
    }
    until("all sessions", || handle.len() == CLIENTS).await;

    let before = memory();
    for socket in &mut sockets {
        socket.send_text("[\"go\"]").await;
        assert!(socket.messages(900).await.len() >= 900);
    }
    // Most of it are the read buffers of the clients.
    assert_added(before, CLIENTS * 96 * 1024, "idle after a backlog");
}

#[tokio::test]
async fn streams_of_http2_that_nobody_reads_keep_nothing_of_ended_sessions() {
    let _alone = ALONE.lock().await;
    const CLIENTS: usize = 50;
    let ended = Arc::new(AtomicUsize::new(0));
    let handler = {
        let ended = ended.clone();
        move |session: Session| {
            let ended = ended.clone();
            async move {
                session.try_send("x".repeat(MIB)).expect("there is room");
                assert_eq!(session.closed().await.cause(), Cause::SlowClient);
                ended.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let layer = SockJsLayer::new("/echo")
        .send_timeout(Duration::from_millis(500))
        .on_session(handler);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut sockets = Vec::new();
    let mut before = None;
    for round in 1..=3 {
        let client = Http2::connect_with_window(server.addr(), 2000).await;
        for path in PATHS.iter().cycle().take(CLIENTS) {
            sockets.push(client.websocket(path).await);
        }
        let all_ended = || ended.load(Ordering::Relaxed) == round * CLIENTS && handle.is_empty();
        until("the end of all sessions", all_ended).await;
        // What the allocator keeps after the first round is there for the others.
        before = before.or_else(memory);
    }

    // hyper takes up to 400 KiB for a stream, and the client has a window's worth of it. A stream that
    // kept its message would take more than 1 MiB.
    assert_added(before, 2 * CLIENTS * 640 * 1024, "unread streams");
}
