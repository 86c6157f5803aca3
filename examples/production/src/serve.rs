//! The loop that accepts connections, with limits that `axum::serve` does not have.
//!
//! `axum::serve` waits for ever for the head of a request, and for the next request of a connection.
//! A proxy in front of the server may limit both. Without one, or within a network that is not
//! trusted, the server has to.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

/// How long connections may do nothing, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long the head of a request may take, and how long a connection may have no request. A
    /// proxy that keeps connections must drop them sooner, so that none ends as it is used.
    pub(crate) idle: Duration,
    /// How often a silent HTTP/2 connection is asked for a sign of life, and for how long.
    pub(crate) ping: Duration,
    /// How many requests a client may have at a time on one HTTP/2 connection. A poll that waits for a
    /// message is one of them.
    pub(crate) streams: u32,
    /// How many connections there are at a time. More clients wait until one of them ends.
    pub(crate) connections: usize,
}

/// Serves connections until `stop`, and then waits until all connections have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping)
        .max_concurrent_streams(limits.streams)
        // For WebSockets over HTTP/2.
        .enable_connect_protocol();
    let builder = Arc::new(builder);

    let places = Arc::new(Semaphore::new(limits.connections));
    let stopping = watch::Sender::new(());
    let mut stop = pin!(stop);
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = &mut stop => break,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                recover(&error).await;
                continue;
            }
        };
        let (app, builder, stopping) = (app.clone(), builder.clone(), stopping.subscribe());
        tokio::spawn(async move {
            serve_connection(stream, addr, app, &builder, limits.idle, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    let _ = stopping.send(());
    stopping.closed().await;
}

async fn serve_connection(
    stream: TcpStream,
    addr: SocketAddr,
    app: Router,
    builder: &auto::Builder<TokioExecutor>,
    limit: Duration,
    mut stopping: watch::Receiver<()>,
) {
    // A frame is a small write of its own, which Nagle's algorithm would hold back while the one
    // before it is not acknowledged. A connection that ended meanwhile has nothing to delay.
    let _ = stream.set_nodelay(true);
    let requests = Arc::new(watch::Sender::new(0));
    let counter = requests.clone();
    let service = service_fn(move |request| {
        let counted = Counted::new(counter.clone());
        answer(app.clone(), request, addr, counted)
    });
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = async {
            tokio::select! {
                () = idle(&requests, limit) => {}
                _ = stopping.changed() => {}
            }
        } => {
            // Its responses, and WebSockets over HTTP/2, may last.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%addr, %error, "connection failed");
    }
}

async fn answer(
    mut app: Router,
    request: Request<Incoming>,
    addr: SocketAddr,
    counted: Counted,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    // Sessions know the client's address only with this.
    request.extensions_mut().insert(ConnectInfo(addr));
    let response = app.call(request).await?;
    Ok(response.map(|body| Body::new(CountedBody { body, counted })))
}

/// Waits until there was no request for as long as `limit`.
///
/// For HTTP/1, the timeout for heads does the same. But no other timeout ends a connection that has
/// not said which of the two it speaks, or an HTTP/2 connection that answers pings.
async fn idle(requests: &watch::Sender<usize>, limit: Duration) {
    let mut requests = requests.subscribe();
    loop {
        // Errors are impossible, because the caller holds the sender.
        let _ = requests.wait_for(|requests| *requests == 0).await;
        let next = requests.wait_for(|requests| *requests > 0);
        if tokio::time::timeout(limit, next).await.is_err() {
            return;
        }
    }
}

/// Errors of a connection that was not accepted concern nobody else. The others do, such as too many
/// open files, and would come again at once.
async fn recover(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!(%error, "no connection can be accepted");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// One of the requests of a connection, until it is dropped.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(requests: Arc<watch::Sender<usize>>) -> Self {
        requests.send_modify(|requests| *requests += 1);
        Self(requests)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

/// The body of a response, which lasts as long as the request does.
struct CountedBody {
    body: Body,
    #[expect(dead_code, reason = "counts until it is dropped")]
    counted: Counted,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    const LIMITS: Limits = Limits {
        idle: Duration::from_millis(300),
        ping: Duration::from_secs(20),
        streams: 7,
        connections: 2,
    };

    /// A failed test ends after this time.
    const PATIENCE: Duration = Duration::from_secs(20);

    type Started = (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>);

    async fn start() -> Started {
        start_with(LIMITS).await
    }

    async fn start_with(limits: Limits) -> Started {
        let slow = async || {
            tokio::time::sleep(3 * LIMITS.idle).await;
            "slow"
        };
        let app = Router::new()
            .route(
                "/",
                get(async |ConnectInfo(addr): ConnectInfo<SocketAddr>| addr.to_string()),
            )
            .route("/slow", get(slow))
            .route("/never", get(std::future::pending::<()>));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, app, limits, async {
            let _ = stopped.await;
        }));
        (addr, stop, server)
    }

    /// Reads until the server ends the connection.
    async fn read_all(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        // An error is an end as well.
        let read = timeout(PATIENCE, stream.read_to_end(&mut bytes));
        let _ = read.await.expect("the server ends the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn connections_without_a_whole_request_end() {
        let (addr, _stop, _server) = start().await;
        for start in [
            "",
            "P",
            "PRI * HTTP/2.0\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n",
        ] {
            let mut stream = TcpStream::connect(addr).await.expect("it listens");
            stream.write_all(start.as_bytes()).await.expect("it reads");
            read_all(&mut stream).await;
        }
    }

    #[tokio::test]
    async fn a_head_that_trickles_ends() {
        let (addr, _stop, _server) = start().await;
        let stream = TcpStream::connect(addr).await.expect("it listens");
        let (mut read, mut write) = stream.into_split();
        let trickle = tokio::spawn(async move {
            let mut line = "GET / HTTP/1.1\r\n".to_owned();
            for n in 0.. {
                if write.write_all(line.as_bytes()).await.is_err() {
                    break;
                }
                line = format!("X-{n}: y\r\n");
                tokio::time::sleep(LIMITS.idle / 6).await;
            }
        });
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, read.read_to_end(&mut bytes))
            .await
            .expect("the server ends the connection");
        trickle.abort();
        assert!(!bytes.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn an_idle_connection_ends_and_a_busy_one_does_not() {
        let (addr, _stop, _server) = start().await;
        let mut stream = TcpStream::connect(addr).await.expect("it listens");
        let own = stream.local_addr().expect("it is connected").to_string();
        let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
        stream
            .write_all(requests.as_bytes())
            .await
            .expect("it reads");
        let all = read_all(&mut stream).await;
        assert_eq!(all.matches("HTTP/1.1 200").count(), 2, "{all}");
        assert!(all.contains(&own) && all.ends_with("slow"), "{all}");
    }

    #[tokio::test]
    async fn an_idle_http2_connection_ends() {
        let (addr, _stop, _server) = start().await;
        let mut stream = TcpStream::connect(addr).await.expect("it listens");
        // The preface and empty settings. Pings are answered by nobody, but come later.
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(preface).await.expect("it reads");
        let mut bytes = Vec::new();
        let goaway = async {
            // A frame of the type 7.
            while !bytes.windows(5).any(|it| it == [0, 0, 8, 7, 0]) {
                assert_ne!(stream.read_buf(&mut bytes).await.expect("bytes"), 0);
            }
        };
        timeout(PATIENCE, goaway).await.expect("GOAWAY");
        // SETTINGS_MAX_CONCURRENT_STREAMS.
        let streams = [0, 3, 0, 0, 0, 7];
        assert!(bytes.windows(6).any(|it| it == streams), "{bytes:?}");
    }

    #[tokio::test]
    async fn an_http2_connection_whose_client_is_gone_ends() {
        let ping = Duration::from_millis(100);
        let (addr, _stop, _server) = start_with(Limits { ping, ..LIMITS }).await;
        let mut stream = TcpStream::connect(addr).await.expect("it listens");
        // The preface, empty settings, and a request for `/never`. Nobody answers the pings.
        let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let request = b"\0\0\x0a\x01\x05\0\0\0\x01\x82\x86\x04\x06/never";
        let bytes = [&settings[..], request].concat();
        stream.write_all(&bytes).await.expect("it reads");
        // The request lasts, so that the connection is not idle.
        read_all(&mut stream).await;
    }

    #[tokio::test]
    async fn more_connections_than_the_limit_wait() {
        let (addr, _stop, _server) = start().await;
        let request = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let mut streams = Vec::new();
        for _ in 0..2 * LIMITS.connections {
            let mut stream = TcpStream::connect(addr).await.expect("it listens");
            stream.write_all(request).await.expect("it is buffered");
            streams.push(stream);
        }
        let start = tokio::time::Instant::now();
        for stream in &mut streams {
            assert!(read_all(stream).await.ends_with("slow"));
        }
        // Two after two, three times the idle time each.
        assert!(start.elapsed() >= 5 * LIMITS.idle);
    }

    #[tokio::test]
    async fn responses_go_on_when_the_server_stops() {
        let (addr, stop, server) = start().await;
        let mut busy = TcpStream::connect(addr).await.expect("it listens");
        let request = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
        busy.write_all(request).await.expect("it reads");
        let mut first = TcpStream::connect(addr).await.expect("it listens");
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        first.write_all(request).await.expect("it reads");
        // Both connections are accepted once the second one has an answer.
        first.read_u8().await.expect("an answer");

        stop.send(()).expect("the server waits for it");
        assert!(read_all(&mut busy).await.ends_with("slow"));
        timeout(PATIENCE, server)
            .await
            .expect("it ends")
            .expect("no panic");
        TcpStream::connect(addr).await.expect_err("nobody listens");
    }
}
