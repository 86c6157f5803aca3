//! Clients that never read cost the server no more than its limits, and do not affect other
//! clients. This is a binary of its own, because it measures the memory of its process.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, serve::ListenerExt as _};
use sockjs_axum::{Cause, Ending, Session, SockJsLayer, Transport};
use support::{Client, Clock, PATIENCE, until};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpSocket, TcpStream},
};

const CLIENTS: usize = 200;

/// What the handler wants each client to take: 10 MB.
const MESSAGES: usize = 640;
const MESSAGE: usize = 16 * 1024;

const SEND_BUFFER: usize = 64 * 1024;

/// What hyper collects of a response before it waits for the socket.
const HYPER_BUFFER: usize = 400 * 1024;

/// What a session may hold: the waiting messages, the same again as a quoted frame that is being
/// written, and the writer's buffer.
const PER_SESSION: usize = HYPER_BUFFER + 4 * SEND_BUFFER;

/// Whatever else the process needs, such as the stacks of the tests' threads.
const CONSTANT: usize = 32 * 1024 * 1024;

/// The default.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// What the handlers of all clients have done.
#[derive(Debug, Default)]
struct Flood {
    started: AtomicUsize,
    sent: AtomicUsize,
    endings: Mutex<Vec<(Transport, Ending)>>,
}

impl Flood {
    fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    fn ended(&self) -> usize {
        self.endings.lock().expect(UNPOISONED).len()
    }
}

const UNPOISONED: &str = "nobody panics with it";

async fn flood(State(flood): State<Arc<Flood>>, session: Session) {
    flood.started.fetch_add(1, Ordering::Relaxed);
    for _ in 0..MESSAGES {
        // Each in memory of its own.
        if session.send("x".repeat(MESSAGE)).await.is_err() {
            break;
        }
        flood.sent.fetch_add(1, Ordering::Relaxed);
    }
    let ending = session.closed().await;
    let mut endings = flood.endings.lock().expect(UNPOISONED);
    endings.push((session.transport(), ending));
}

/// Serves a router on sockets with small buffers. It ends with the test.
async fn serve(router: Router) -> io::Result<SocketAddr> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener: TcpListener = socket.listen(1024)?;
    let addr = listener.local_addr()?;
    let listener = listener.tap_io(|io| io.set_nodelay(true).expect("the socket takes options"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(addr)
}

/// Opens a session, and does nothing else.
async fn connect(addr: SocketAddr, n: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    let mut stream = socket.connect(addr).await?;
    let (method, path) = match n % 5 {
        0 => ("GET", format!("/flood/000/{n}/websocket")),
        1 => ("GET", "/flood/websocket".to_owned()),
        2 => ("POST", format!("/flood/000/{n}/xhr_streaming")),
        3 => ("GET", format!("/flood/000/{n}/eventsource")),
        _ => ("GET", format!("/flood/000/{n}/htmlfile?c=cb")),
    };
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n");
    if path.ends_with("websocket") {
        request += "Connection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

const SOCKET_BUFFER: u32 = 16 * 1024;

/// Returns a number of bytes out of what Linux knows of this process; `None` elsewhere.
fn memory(field: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes = line.trim_matches([':', ' ', '\t']).strip_suffix(" kB")?;
    Some(kilobytes.parse::<usize>().ok()? * 1024)
}

#[tokio::test]
async fn clients_that_never_read_cost_their_limits_and_nobody_else_anything() {
    let clock = Clock::freeze();
    let load = Arc::new(Flood::default());
    let slow = SockJsLayer::new("/flood")
        .on_session(flood)
        .with_state(load.clone())
        .send_buffer(SEND_BUFFER)
        // A response only completes for a client that reads it.
        .response_limit(usize::MAX);
    let handle = slow.handle();
    let echo = SockJsLayer::new("/echo")
        .disconnect_delay(PATIENCE)
        .heartbeat_delay(PATIENCE);
    let addr = serve(Router::new().layer(slow).layer(echo)).await.unwrap();
    let mut probes = Vec::new();
    for transport in [
        Transport::WebSocket,
        Transport::XhrStreaming,
        Transport::Xhr,
    ] {
        probes.push(Client::open(addr, "/echo", transport).await);
    }
    let before = memory("VmRSS");

    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        clients.push(connect(addr, n).await.unwrap());
    }
    until("all sessions", || load.started() == CLIENTS).await;

    // No time passes, so that a client that is served now has not waited for a slow one.
    let mut sent = 0;
    while load.sent() > sent {
        sent = load.sent();
        assert!(
            sent < CLIENTS * MESSAGES / 2,
            "somebody buffers without limit"
        );
        for n in 0..100 {
            for probe in &mut probes {
                probe.echo(&n.to_string()).await;
            }
        }
    }

    // All are stuck.
    assert_eq!(handle.len(), CLIENTS);
    if let (Some(before), Some(most)) = (before, memory("VmHWM")) {
        let held = most - before;
        println!(
            "{} kB for each of {CLIENTS} sessions",
            held / CLIENTS / 1024
        );
        assert!(held < CLIENTS * PER_SESSION + CONSTANT, "{held} bytes");
    }

    clock.advance(SEND_TIMEOUT - Duration::from_secs(1)).await;
    assert_eq!(load.ended(), 0);
    clock.advance(Duration::from_secs(2)).await;
    until("the end of all sessions", || load.ended() == CLIENTS).await;

    for (transport, ending) in &*load.endings.lock().unwrap() {
        assert_eq!(ending.cause(), Cause::SlowClient, "{transport:?}");
        assert!(ending.undelivered() > 0, "{transport:?}");
    }
    until("empty places", || handle.is_empty()).await;
    for probe in &mut probes {
        probe.echo("still here").await;
    }
    drop(clients);
}
