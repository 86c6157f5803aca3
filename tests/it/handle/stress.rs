//! Many sessions of all transports open and close, half of them by a dropped connection. In the end
//! all counts agree.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use sockjs_axum::{Ending, Session, SockJsHandle, SockJsLayer, Transport};
use support::{Client, Frame, PATIENCE, Server, Wire, until, within};

const CLIENTS: usize = 8;
const SESSIONS: usize = 63;

/// What the handlers have counted.
#[derive(Debug, Default)]
struct Counts {
    opened: AtomicUsize,
    running: AtomicUsize,
    endings: Mutex<Vec<Ending>>,
}

/// Counts a handler for as long as it runs, however that ends.
struct Running(Arc<Counts>);

impl Running {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.opened.fetch_add(1, Ordering::Relaxed);
        counts.running.fetch_add(1, Ordering::Relaxed);
        Self(counts.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handler that does what its client asks for.
async fn serve(session: Session, counts: Arc<Counts>, handle: SockJsHandle) {
    let _running = Running::new(&counts);
    let outside = handle.get(session.id()).expect("it is known");
    tokio::spawn({
        let counts = counts.clone();
        async move {
            let ending = outside.closed().await;
            let mut endings = counts.endings.lock().expect("nobody panics with it");
            endings.push(ending);
        }
    });
    let (sender, mut receiver) = session.split();
    while let Some(message) = receiver.recv().await {
        match &*message {
            "close" => sender.close(3000, "Go away!"),
            "drop" => break,
            "panic" => panic!("a test's panic"),
            "by handle" => {
                let chosen = |it: &sockjs_axum::SessionRef| it.id() == sender.id();
                assert_eq!(handle.close_where(chosen, 3000, "Go away!"), 1);
            }
            _ => drop(sender.send(message).await),
        }
    }
}

/// Sends a request that opens a session, and disconnects.
async fn abort_opening(server: &Server, transport: Transport) {
    let request = match Wire::ALL.into_iter().find(|it| it.transport() == transport) {
        Some(wire) => server.peer().receive(wire),
        None if transport == Transport::WebSocket => {
            server.websocket("/echo/000/abc/websocket").request()
        }
        None => server.websocket("/echo/websocket").request(),
    };
    request.start().await.into_connection().reset();
}

async fn live_and_die(server: &Server, transport: Transport, fate: usize) {
    if fate == 0 {
        return abort_opening(server, transport).await;
    }
    let mut client = Client::open(server.addr(), "/echo", transport).await;
    for n in 0..fate % 3 {
        client.echo(&n.to_string()).await;
    }
    match fate {
        1 => {
            client.attach().await;
            client.reset();
        }
        2 => drop(client),
        3 => {
            client.attach().await;
            drop(client);
        }
        4 if transport.is_websocket() => {
            let frame = Frame::text("[\"half a message\"]").masked();
            client.socket().write(&frame[..9]).await;
            client.reset();
        }
        4 => {
            let half = "POST /echo/000/abc/xhr_send HTTP/1.1\r\nContent-Length: 100\r\n\r\n[";
            let mut connection = server.connect().await;
            connection.write(half).await;
            client.attach().await;
            connection.reset();
            client.reset();
        }
        5 | 6 => {
            client.attach().await;
            client.send(["close", "by handle"][fate - 5]).await;
            client.expect_close(3000, "Go away!").await;
        }
        7 => {
            client.attach().await;
            client.send("panic").await;
            client.expect_close(1011, "Internal error").await;
        }
        _ => {
            client.attach().await;
            client.send("drop").await;
            client.expect_close(1000, "Normal closure").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_whatever_happened() {
    let counts = Arc::new(Counts::default());
    // Longer than a client of these takes for its next poll, on a slow machine.
    let layer = SockJsLayer::new("/echo").disconnect_delay(Duration::from_secs(3));
    let handle = layer.handle();
    let layer = layer.on_session({
        let (counts, handle) = (counts.clone(), handle.clone());
        move |session: Session| serve(session, counts.clone(), handle.clone())
    });
    let server = Arc::new(Server::start(Router::new().layer(layer)).await);

    let clients = (0..CLIENTS).map(|client| {
        let (server, handle) = (server.clone(), handle.clone());
        tokio::spawn(async move {
            for n in client..client + SESSIONS {
                // All pairs of them, as 7 and 9 have no common divisor.
                live_and_die(&server, Transport::ALL[n % 7], n % 9).await;
                let counts = handle.count_by_transport();
                assert!(counts.values().all(|count| *count > 0), "{counts:?}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    until("no session", || handle.is_empty()).await;
    assert!(handle.count_by_transport().is_empty());
    assert_eq!(handle.sessions().count(), 0);
    // It waits until all places are free, which they are.
    let shutdown = within("empty places", handle.shutdown(PATIENCE)).await;
    assert_eq!((shutdown.cut, shutdown.undelivered), (0, 0));

    assert_eq!(counts.running.load(Ordering::Relaxed), 0);
    let opened = counts.opened.load(Ordering::Relaxed);
    // A session whose client disconnected during the opening may have been opened or not.
    let least = CLIENTS * SESSIONS * 8 / 9;
    assert!((least..=CLIENTS * SESSIONS).contains(&opened), "{opened}");
    let ended = || counts.endings.lock().unwrap().len();
    until("one end each", || ended() == opened).await;
}
