//! What an attack costs in memory. Each attack has a server to itself, in a process of its own, so
//! that nothing but the server is measured.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, routing::get};
use sockjs_axum::{Session, SlowPolicy, SockJsHandle, SockJsLayer};
use support::{Http2, Peer, Server, Wire, unique_path};
use tokio::{io::AsyncWriteExt as _, net::TcpSocket, sync::oneshot, time::sleep};

/// A table row: what is done, and how many bytes the server may hold when the sessions of the attack
/// are over and its connections are not.
struct Attack {
    name: &'static str,
    may_hold: usize,
}

const STREAMS: usize = 190;

const UNREAD_STREAMS: Attack = Attack {
    name: "190 streams of an HTTP/2 connection that are not read",
    may_hold: STREAMS * 64 * 1024,
};

const UNREAD_POLLS: Attack = Attack {
    name: "190 polls of an HTTP/2 connection that are not read",
    may_hold: STREAMS * 64 * 1024,
};

const UNREAD_CONNECTION: Attack = Attack {
    name: "190 streams of an HTTP/2 connection that is not read",
    // h2's buffer for each.
    may_hold: STREAMS * 500 * 1024,
};

const UNREAD_CONNECTIONS: Attack = Attack {
    name: "190 streams of as many HTTP/1 connections that are not read",
    // hyper's buffer.
    may_hold: STREAMS * 400 * 1024,
};

/// Limit: send_timeout
#[tokio::test]
async fn unread_http2_streams_cost_a_slice_each_after_their_sessions() {
    unread_http2(UNREAD_STREAMS, Wire::XhrStreaming).await;
}

/// Limit: send_timeout
#[tokio::test]
async fn unread_http2_polls_cost_a_slice_each_after_their_sessions() {
    unread_http2(UNREAD_POLLS, Wire::Xhr).await;
}

async fn unread_http2(attack: Attack, wire: Wire) {
    let victim = Victim::start().await;
    let client = Http2::with_window(victim.addr, 2100).await;
    let before = victim.memory();

    let mut held = Vec::new();
    for _ in 0..STREAMS {
        let url = format!("{}/{}", unique_path("/shout"), wire.endpoint());
        let opening = client.request("POST", &url).await.into_body();
        if wire.streams() {
            held.push((Some(opening), None));
        } else {
            opening.rest().await.expect("the open frame");
            held.push((None, Some(client.start("POST", &url).await)));
        }
    }
    victim.shout_and_wait().await;

    victim.assert_holds(attack, before);
    drop(held);
}

/// Limit: send_timeout
#[tokio::test]
async fn unread_http2_connection_costs_h2s_buffers_after_its_sessions() {
    let victim = Victim::start().await;
    let (client, connection) = Http2::connect_to_drive(victim.addr, 1 << 30).await;
    let (stop, stopped) = oneshot::channel();
    let connection = tokio::spawn(async move {
        let mut connection = Box::pin(connection);
        tokio::select! {
            _ = &mut connection => panic!("the connection ended"),
            _ = stopped => {}
        }
        // It stays open, and nothing is read from here on.
        (connection,)
    });
    let before = victim.memory();
    let mut held = Vec::new();
    for _ in 0..STREAMS {
        let url = format!("{}/xhr_streaming", unique_path("/shout"));
        held.push(client.start("POST", &url).await);
    }
    while victim.sessions().await < STREAMS {}
    stop.send(()).unwrap();
    let _connection = connection.await.unwrap();
    victim.shout_and_wait().await;

    victim.assert_holds(UNREAD_CONNECTION, before);
}

/// Limit: send_timeout
#[tokio::test]
async fn unread_http1_streams_cost_hypers_buffer_each_after_their_sessions() {
    let victim = Victim::start().await;
    let before = victim.memory();

    let mut held = Vec::new();
    for _ in 0..STREAMS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(victim.addr).await.unwrap();
        let path = unique_path("/shout");
        let request = format!("POST {path}/xhr_streaming HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        held.push(stream);
    }
    while victim.sessions().await < STREAMS {}
    victim.shout_and_wait().await;

    victim.assert_holds(UNREAD_CONNECTIONS, before);
    drop(held);
}

/// A server in a process of its own.
struct Victim {
    process: Child,
    addr: SocketAddr,
}

impl Victim {
    async fn start() -> Self {
        let this = std::env::current_exe().expect("a test has a file");
        let mut process = Command::new(this)
            .args(["--exact", "limits::attacks::victim"])
            .args(["--ignored", "--nocapture"])
            // Memory that is freed goes back to the system at once.
            .env("MALLOC_MMAP_THRESHOLD_", "65536")
            .env("MALLOC_TRIM_THRESHOLD_", "65536")
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test runs once more");
        let output = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines();
        let addr = lines.find_map(|line| {
            let line = line.expect("text");
            Some(line.split_once(LISTENS)?.1.to_owned())
        });
        let addr = addr.expect("it says where it listens").parse();
        Self {
            process,
            addr: addr.expect("an address"),
        }
    }

    /// Has a message of 340 kB sent to all sessions, two megabytes as JSON, and waits until they are
    /// over.
    async fn shout_and_wait(&self) {
        let peer = Peer::new(self.addr, unique_path("/shout"));
        peer.open().await;
        peer.send(format!("[\"{}\"]", "\\u0001".repeat(340_000)))
            .await;
        while self.sessions().await > 0 {
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn sessions(&self) -> usize {
        let mut connection = support::Connection::open(self.addr).await;
        let response = connection.get("/sessions").send().await;
        response.text().await.parse().expect("a number")
    }

    /// Returns how much memory the process has, except its files; `None` if this is not Linux.
    fn memory(&self) -> Option<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|it| it.strip_prefix("RssAnon:"))?;
        let kilobytes = line.trim().strip_suffix(" kB")?;
        Some(kilobytes.parse::<usize>().ok()? * 1024)
    }

    fn assert_holds(&self, attack: Attack, before: Option<usize>) {
        let (Some(before), Some(after)) = (before, self.memory()) else {
            return;
        };
        let held = after.saturating_sub(before);
        let (name, may_hold) = (attack.name, attack.may_hold);
        println!("{name}: {} KiB held", held / 1024);
        assert!(held < may_hold, "{name}: {held} bytes, {may_hold} allowed");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

const LISTENS: &str = "the victim listens at ";

/// Not a test, but the server that is attacked.
#[tokio::test]
#[ignore = "it runs until it is killed"]
async fn victim() {
    let layer = SockJsLayer::new("/shout")
        .heartbeat_delay(Duration::ZERO)
        .send_timeout(Duration::from_secs(3))
        .disconnect_delay(Duration::from_secs(3));
    let handle = layer.handle();
    let layer = layer.on_session(shout).with_state(handle.clone());
    let count = get(async move || handle.len().to_string());
    let router = Router::new().route("/sessions", count).layer(layer);
    let server = Server::start(router).await;
    println!("{LISTENS}{}", server.addr());
    // It ends with its parent, too.
    let parent = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    parent.await.unwrap();
}

/// Sends each message to all sessions.
async fn shout(
    axum::extract::State(handle): axum::extract::State<SockJsHandle>,
    mut session: Session,
) {
    while let Some(message) = session.recv().await {
        handle.broadcast(message, SlowPolicy::Skip).await;
    }
}
