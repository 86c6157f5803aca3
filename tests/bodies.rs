//! What bodies cost in memory. This is a binary of its own, because it measures the memory of its
//! process; its tests take turns.

use std::{env, fs, future::Future, io, net::SocketAddr, process::Command};

use axum::Router;
use bytes::Bytes;
use h2::{SendStream, client::SendRequest};
use http::Request;
use sockjs_axum::SockJsLayer;
use support::{Server, Sessions, received, within};
use tokio::{net::TcpStream, sync::Mutex};

static TURN: Mutex<()> = Mutex::const_new(());

const MIB: usize = 1024 * 1024;

/// Returns a number of bytes out of what Linux knows of this process; `None` elsewhere.
fn memory(field: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes = line.trim_matches([':', ' ', '\t']).strip_suffix(" kB")?;
    Some(kilobytes.parse::<usize>().ok()? * 1024)
}

/// Forgets the highest memory so far.
fn reset_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}

/// Returns by how many bytes the memory of the process grew meanwhile, at most; 0 where the system
/// does not tell.
async fn peak_of<F: Future>(future: F) -> (usize, F::Output) {
    let before = reset_peak().ok().and_then(|()| memory("VmRSS"));
    let output = future.await;
    let grown = before.zip(memory("VmHWM"));
    let grown = grown.map_or(0, |(before, peak)| peak.saturating_sub(before));
    println!("{} KiB", grown / 1024);
    (grown, output)
}

/// Connects with HTTP/2 windows that let every body come.
async fn http2(addr: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(addr).await.expect("the server listens");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

/// Sends all of a body, as far as the server lets it.
async fn send_all(mut stream: SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        while stream.capacity() == 0 {
            let Some(Ok(_)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else {
                // The server does not want the rest.
                return;
            };
        }
        let len = stream.capacity().min(body.len());
        if stream.send_data(body.split_to(len), false).is_err() {
            return;
        }
    }
    // The end does not come, so that the request stays open.
    std::future::pending::<()>().await;
}

async fn serve(layer: SockJsLayer) -> (Server, Sessions) {
    let (layer, sessions) = Sessions::capture(layer);
    (Server::start(Router::new().layer(layer)).await, sessions)
}

#[tokio::test]
async fn bodies_without_a_session_cost_no_more_than_their_buffer() {
    let _turn = TURN.lock().await;
    let (server, _sessions) = serve(SockJsLayer::new("/echo")).await;
    let body = Bytes::from(vec![b' '; 2 * MIB - 1]);
    let client = http2(server.addr()).await;

    let attack = async {
        let mut answers = Vec::new();
        for n in 0..200 {
            let client = client.clone().ready().await;
            let request = Request::post(format!("http://x/echo/0/none{n}/xhr_send"));
            let request = request.body(()).expect("a valid request");
            let (answer, stream) = client
                .expect("the connection is open")
                .send_request(request, false)
                .expect("a stream");
            tokio::spawn(send_all(stream, body.clone()));
            answers.push(answer);
        }
        for answer in answers {
            let status = within("an answer", answer)
                .await
                .expect("an answer")
                .status();
            assert!([404, 503].contains(&status.as_u16()), "{status}");
        }
    };
    let (grown, ()) = peak_of(attack).await;

    // The buffer, and what the two ends of the connection have under way.
    assert!(grown < 24 * MIB, "{grown} bytes");
}

#[tokio::test]
async fn bodies_of_a_session_cost_no_more_than_their_budget() {
    let _turn = TURN.lock().await;
    let (server, mut sessions) = serve(SockJsLayer::new("/echo").receive_buffer(1)).await;
    let peer = server.peer();
    peer.open().await;
    let _session = sessions.next().await;

    // Each is a byte short of its end.
    let body = Bytes::from(vec![b' '; 2 * MIB - 1]);
    let client = http2(server.addr()).await;
    let attack = async {
        for _ in 0..100 {
            let client = client.clone().ready().await;
            let request = Request::post(format!("http://x{}", peer.path("xhr_send")));
            let request = request.body(()).expect("a valid request");
            let (_, stream) = client
                .expect("the connection is open")
                .send_request(request, false)
                .expect("a stream");
            tokio::spawn(send_all(stream, body.clone()));
        }
        // Whoever can send, does.
        let quiet = async {
            let mut last = 0;
            let mut same = 0;
            while same < 20 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                let now = memory("VmRSS").unwrap_or_default();
                same = if now / MIB == last / MIB { same + 1 } else { 0 };
                last = now;
            }
        };
        within("the end of the growth", quiet).await;
    };
    let (grown, ()) = peak_of(attack).await;

    assert!(grown < 32 * MIB, "{grown} bytes");
}

/// In a process of its own, because freed memory that the process keeps would hide what is measured.
#[test]
fn invalid_utf8_costs_no_more_than_twice_the_limit() {
    let this = env::current_exe().expect("a test has a file");
    let status = Command::new(this)
        .args(["--exact", "invalid_utf8", "--ignored", "--nocapture"])
        // Memory that is freed goes back to the system at once.
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .env("MALLOC_TRIM_THRESHOLD_", "65536")
        .env("MALLOC_ARENA_MAX", "1")
        .status();
    assert!(status.expect("the test runs once more").success());
}

#[tokio::test]
#[ignore = "the test above runs it"]
async fn invalid_utf8() {
    let (server, mut sessions) = serve(SockJsLayer::new("/echo").message_limit(usize::MAX)).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let request = |count: usize| {
        let body = [b"[\"", &*vec![0xff; count], b"\"]"].concat();
        peer.post("xhr_send").body(body)
    };
    let refused = request(2_000_000);
    let accepted = request(690_000);

    let (grown, status) = peak_of(async { refused.send().await.status }).await;
    assert_eq!(status, 413);
    // The client and the server of the test have a copy each.
    assert!(grown < 2 * LIMIT + MIB / 2, "{grown} bytes");

    let (grown, status) = peak_of(async { accepted.send().await.status }).await;
    assert_eq!(status, 204);
    assert_eq!(received(&mut session).await.chars().count(), 690_000);
    // The bytes that arrived, and the text that they become.
    assert!(grown < 2 * LIMIT, "{grown} bytes");
}

/// The default of `body_limit`.
const LIMIT: usize = 2 * MIB;
