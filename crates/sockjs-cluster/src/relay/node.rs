use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sockjs_axum::peers::{PeerError, RelayBody};
use tokio::time::{Instant, interval, timeout};

use super::body::{AnswerBody, RequestBody};
use super::connect::Connect;
use super::watched::Watched;
use super::{CONNECTION_WINDOW, MAX_HEADERS, MAX_STREAMS, PING, PONG, SILENCE, STREAM_WINDOW};
use crate::meter;
use crate::store::Entry;

/// Another node, and the connections to it.
pub(crate) struct Node {
    entry: Entry,
    connect: Arc<dyn Connect>,
    pool: Mutex<Pool>,
    dialing: tokio::sync::Mutex<()>,
    /// Another node was found at the address. This one never comes back.
    is_gone: AtomicBool,
}

struct Pool {
    connections: Vec<Connection>,
    /// How many attempts to connect have begun, and the result of the last one.
    dials: u64,
    outcome: Result<(), PeerError>,
    used: Instant,
}

struct Connection {
    sender: SendRequest<RequestBody<Slot>>,
    /// How many streams the other node takes, as far as is known.
    limit: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    used: Instant,
}

/// A stream of a connection, for as long as a body of it is there.
#[derive(Debug)]
pub(super) struct Slot(Arc<SlotGuard>);

#[derive(Debug)]
struct SlotGuard(Arc<AtomicUsize>);

impl Node {
    pub(crate) fn new(entry: Entry, connect: Arc<dyn Connect>) -> Self {
        Self {
            entry,
            connect,
            pool: Mutex::new(Pool {
                connections: Vec::new(),
                dials: 0,
                outcome: Ok(()),
                used: Instant::now(),
            }),
            dialing: tokio::sync::Mutex::default(),
            is_gone: AtomicBool::new(false),
        }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    pub(crate) fn set_gone(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// Sends a request, once.
    pub(super) async fn send(
        &self,
        mut head: Request<()>,
        mut body: RelayBody,
    ) -> Result<Response<AnswerBody<Slot>>, PeerError> {
        // A connection that was chosen may be closed by the time that it is used. Nothing was sent then.
        for _ in 0..3 {
            let (mut sender, slot) = self.connection().await?;
            let (request_body, cut) = RequestBody::new(body, slot.share());
            let request = head.map(|()| request_body);
            match sender.try_send_request(request).await {
                Ok(response) => {
                    return Ok(response.map(|incoming| AnswerBody::new(incoming, cut, slot)));
                }
                Err(mut error) => match error.take_message() {
                    Some(request) => {
                        let (parts, request_body) = request.into_parts();
                        head = Request::from_parts(parts, ());
                        body = request_body.into_inner();
                    }
                    None => {
                        tracing::debug!(error = %error.error(), "relayed request failed");
                        return Err(PeerError::Unreachable);
                    }
                },
            }
        }
        Err(PeerError::Unreachable)
    }

    /// Returns a connection with room for one more stream.
    async fn connection(&self) -> Result<(SendRequest<RequestBody<Slot>>, Slot), PeerError> {
        let dials = {
            let mut pool = self.pool();
            if let Some(chosen) = pool.choose() {
                return Ok(chosen);
            }
            pool.dials
        };
        // Boxed, because the future of every request would otherwise reserve space for it.
        Box::pin(self.new_connection(dials)).await
    }

    /// Connects, unless somebody has since there were so many `dials`.
    async fn new_connection(
        &self,
        dials: u64,
    ) -> Result<(SendRequest<RequestBody<Slot>>, Slot), PeerError> {
        let _dialing = self.dialing.lock().await;
        {
            let mut pool = self.pool();
            if let Some(chosen) = pool.choose() {
                return Ok(chosen);
            }
            // Nobody waits for more than two attempts, however many wait. An attempt that had begun
            // when the request came may have met a fault that is over.
            if pool.dials != dials {
                pool.outcome?;
            }
            pool.dials += 1;
            // If this one is given up.
            pool.outcome = Ok(());
        }
        let dialed = self.dial().await;
        let mut pool = self.pool();
        pool.outcome = dialed.as_ref().map(|_| ()).map_err(|error| *error);
        pool.connections.push(dialed?);
        pool.choose().ok_or(PeerError::Unreachable)
    }

    async fn dial(&self) -> Result<Connection, PeerError> {
        let addr = self.entry.addr;
        let dialed = timeout(DIAL, async {
            let io = self.connect.connect(addr).await?;
            let io = TokioIo::new(Watched::new(io, SILENCE));
            let (sender, connection) = builder().handshake(io).await.map_err(io::Error::other)?;
            let mut connection = Box::pin(connection);
            // Until the other node has said how many streams it takes. One that hangs says nothing,
            // although the operating system has accepted the connection.
            let mut moments = interval(MOMENT);
            poll_fn(|cx| {
                if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                    let closed = || io::ErrorKind::UnexpectedEof.into();
                    return Poll::Ready(Err(end.map_or_else(io::Error::other, |()| closed())));
                }
                if connection.current_max_send_streams() > 0 {
                    return Poll::Ready(Ok(()));
                }
                while moments.poll_tick(cx).is_ready() {}
                Poll::Pending
            })
            .await?;
            Ok::<_, io::Error>((sender, connection))
        });
        let (sender, mut connection) = match dialed.await {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => {
                tracing::debug!(%addr, %error, "cannot connect to a node");
                meter::dialed("failed");
                return Err(match error.kind() {
                    io::ErrorKind::ConnectionRefused => PeerError::Lost,
                    _ => PeerError::Unreachable,
                });
            }
            Err(_) => {
                tracing::debug!(%addr, "connecting to a node took too long");
                meter::dialed("timed_out");
                return Err(PeerError::Unreachable);
            }
        };
        meter::dialed("connected");
        let limit = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
        let told = limit.clone();
        let connection = poll_fn(move |cx| {
            let polled = connection.as_mut().poll(cx);
            // It is polled at each request.
            told.store(connection.current_max_send_streams(), Ordering::Relaxed);
            polled
        });
        tokio::spawn(async move {
            let counted = meter::Connection::to_peer();
            if let Err(error) = connection.await {
                tracing::debug!(%addr, %error, "connection to a node broke");
            }
            drop(counted);
        });
        Ok(Connection {
            sender,
            limit,
            open: Arc::default(),
            used: Instant::now(),
        })
    }

    /// Closes connections that are no longer used. Returns whether the node itself still is.
    pub(crate) fn tidy(&self) -> bool {
        let now = Instant::now();
        let mut pool = self.pool();
        let closed = pool.take_idle(now);
        let is_used = !pool.connections.is_empty() || now < pool.used + FORGET;
        drop(pool);
        drop(closed);
        is_used
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn choose(&mut self) -> Option<(SendRequest<RequestBody<Slot>>, Slot)> {
        let now = Instant::now();
        self.used = now;
        self.connections.retain(|it| !it.sender.is_closed());
        // The first ones are filled first, so that the last ones become idle and are closed.
        let mut connections = self.connections.iter_mut();
        let chosen = connections.find(|it| it.open.load(Ordering::Relaxed) < it.room())?;
        chosen.used = now;
        chosen.open.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(Arc::new(SlotGuard(chosen.open.clone())));
        Some((chosen.sender.clone(), slot))
    }

    fn take_idle(&mut self, now: Instant) -> Vec<Connection> {
        for it in &mut self.connections {
            if it.open.load(Ordering::Relaxed) > 0 {
                it.used = now;
            }
        }
        let (kept, idle) = mem::take(&mut self.connections)
            .into_iter()
            .partition(|it| now < it.used + IDLE);
        self.connections = kept;
        idle
    }
}

impl Connection {
    /// How many streams the connection takes. A stream that is dropped here may still be open there for a
    /// moment, so the last tenth is left.
    fn room(&self) -> usize {
        let most = self.limit.load(Ordering::Relaxed);
        let most = most.min(MAX_STREAMS as usize);
        (most - most / 10).max(1)
    }
}

impl Slot {
    fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .keep_alive_while_idle(true)
        .initial_max_send_streams(0)
        // Clients go away all the time, while their data is under way. The data that arrives for a
        // stream that was reset must not count as an error of the other node, because enough errors end
        // the connection, with all streams of all other clients.
        .max_concurrent_reset_streams(4 * MAX_STREAMS as usize)
        .max_local_error_reset_streams(None);
    builder
}

/// How long it may take to connect.
const DIAL: Duration = Duration::from_secs(2);

const MOMENT: Duration = Duration::from_millis(1);

/// How long a connection without streams stays.
const IDLE: Duration = Duration::from_secs(60);

/// How long a node without connections is remembered.
const FORGET: Duration = Duration::from_secs(300);
