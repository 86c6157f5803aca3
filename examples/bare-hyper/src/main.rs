//! An echo server on hyper, made from `sockjs-core` alone: `cargo run -p bare-hyper`.
//!
//! It shows what a driver has to do, in the order in which a request meets it: the URL table, a
//! session that is opened or found, a response that takes its frames, a request that brings a
//! payload, and a WebSocket that does both. Read the contract at the top of
//! [`sockjs_core::Session`] beside it. To see it at work:
//!
//! ```console
//! $ curl -X POST http://127.0.0.1:3000/echo/0/abc/xhr
//! o
//! $ curl -d '["hello"]' http://127.0.0.1:3000/echo/0/abc/xhr_send
//! $ curl -X POST http://127.0.0.1:3000/echo/0/abc/xhr
//! a["hello"]
//! ```
//!
//! It keeps the contract on every transport that it has: a session without a receiver ends after the
//! disconnect delay, silence brings heartbeats, a second receiver is told 2010, ids of ended sessions
//! are remembered, and sessions, messages, bodies and queues have limits.
//!
//! These parts of `sockjs-axum` are left out. A server on the open internet needs most of them:
//!
//! - Raw WebSocket, and `jsonp_send`.
//! - Everything about the origins of pages: CORS headers, preflights, and a list of allowed origins. As
//!   it is, the client of another origin finds no `/info`, but a page that means harm can open the
//!   WebSocket, and can embed the iframe page.
//! - Limits for one client: how many connections and sessions it has, how many send requests wait at a
//!   time, how many bodies without a session are read, and how many pongs wait for a client that sends
//!   pings and does not read.
//! - Progress within a frame: hyper and the socket are given whole frames, so that a frame must be
//!   written within the send timeout, and only whole WebSocket messages show that a client is alive.
//! - A body that is left when its request is answered, and bodies of receive requests.
//! - A shutdown that tells the clients, cookies for load balancers, HTTP/2, logs and metrics.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, io};

use futures_util::{SinkExt, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use sockjs_core::{
    AttachError, Callback, Cause, CloseReason, Ending, Endpoint, Event, Frame, GREETING,
    IframePage, Info, Payload, PayloadError, ReceiveError, Refusal, ResponseEncoder, Route,
    SendError, Session, SessionConfig, SessionState,
};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as SocketMessage};

const PREFIX: &str = "/echo";
const SOCKJS_URL: &str = "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js";

const MESSAGE_LIMIT: usize = 1024 * 1024;
const BODY_LIMIT: usize = 2 * 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const RESPONSE_LIMIT: usize = 128 * 1024;
/// Of all clients, and including the sessions that ended and are remembered.
const MAX_SESSIONS: usize = 10_000;
/// How long the id of an ended session is remembered, in addition to the disconnect delay.
const REMEMBER: Duration = Duration::from_secs(60);
/// How long a client may take to close its end of a WebSocket.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("Serving http://{}{PREFIX}", listener.local_addr()?);
    serve(listener, Server::new(SessionConfig::default())).await
}

/// Accepts connections, and answers their requests.
async fn serve(listener: TcpListener, server: Arc<Server>) -> io::Result<()> {
    loop {
        let (tcp, _) = listener.accept().await?;
        // A message is a small write of its own. A connection that broke already has nothing to delay.
        let _ = tcp.set_nodelay(true);
        let server = server.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let server = server.clone();
                async move {
                    let answer = answer(&server, request).await;
                    Ok::<_, Infallible>(answer.unwrap_or_else(refuse))
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                // For the time in which the head of a request must arrive.
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(tcp), service);
            // A connection that breaks is no error of the server, and its sessions notice by themselves.
            let _ = connection.with_upgrades().await;
        });
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(
    server: &Arc<Server>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let path = request.uri().path().to_owned();
    // A server with other routes would look for the path there.
    let route = Route::parse(PREFIX, &path).ok_or(Refusal::NotFound)?;
    let endpoint = route.endpoint();
    if endpoint == Endpoint::Unknown {
        return Err(Refusal::NotFound);
    }
    let methods = match endpoint.methods() {
        // There are no preflights without CORS.
        ["OPTIONS", others @ ..] => others,
        methods => methods,
    };
    if !methods.contains(&request.method().as_str()) {
        return Err(Refusal::Method(methods));
    }
    let id = route.session_id();
    let query = request.uri().query();
    let encoder = match endpoint {
        Endpoint::Greeting => return Ok(respond(endpoint, GREETING)),
        Endpoint::Info => return Ok(respond(endpoint, info())),
        Endpoint::Iframe => return Ok(server.iframe(&request)),
        Endpoint::WebSocket => return server.upgrade(request),
        Endpoint::XhrSend => return server.receive_payload(id, request.into_body()).await,
        Endpoint::Xhr => ResponseEncoder::xhr(),
        Endpoint::XhrStreaming => ResponseEncoder::xhr_streaming(RESPONSE_LIMIT),
        Endpoint::EventSource => ResponseEncoder::eventsource(RESPONSE_LIMIT),
        Endpoint::HtmlFile => {
            ResponseEncoder::htmlfile(Callback::from_query(query)?, RESPONSE_LIMIT)
        }
        Endpoint::Jsonp => ResponseEncoder::jsonp(Callback::from_query(query)?),
        Endpoint::RawWebSocket | Endpoint::JsonpSend | Endpoint::Unknown => {
            return Err(Refusal::NotFound);
        }
    };
    server.send_frames(id, endpoint, encoder)
}

fn info() -> Vec<u8> {
    // Keys of hash maps are random enough for this. The client mixes the number into its ids.
    let entropy = RandomState::new().hash_one(()) as u32;
    Info {
        websocket: true,
        cookie_needed: false,
        base_url: None,
        entropy,
    }
    .to_json()
}

/// Makes the answer to a request that succeeded.
fn respond(endpoint: Endpoint, body: impl Into<Bytes>) -> Response<Body> {
    response(
        200,
        endpoint.content_type(),
        Full::new(body.into()).boxed_unsync(),
    )
}

fn refuse(refusal: Refusal) -> Response<Body> {
    let text = refusal.text();
    let content_type = (!text.is_empty()).then_some("text/plain; charset=UTF-8");
    let mut response = response(
        refusal.status(),
        content_type,
        Full::new(Bytes::from(text)).boxed_unsync(),
    );
    if let Some((name, value)) = refusal.header() {
        let value = value.parse().expect("it is visible ASCII");
        response.headers_mut().insert(name, value);
    }
    response
}

fn response(status: u16, content_type: Option<&'static str>, body: Body) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header("x-content-type-options", "nosniff")
        // Without this, a proxy may answer a poll from its cache, or compress a stream and hold it
        // back.
        .header(
            CACHE_CONTROL,
            "no-store, no-cache, no-transform, must-revalidate, max-age=0",
        )
        // Without this, nginx holds a stream back.
        .header("x-accel-buffering", "no");
    if let Some(content_type) = content_type {
        response = response.header(CONTENT_TYPE, content_type);
    }
    response.body(body).expect("all parts are valid")
}

/// A session, and the tasks that wait for it.
///
/// A `watch` channel is the lock, and wakes every task that waits whenever the session may have
/// changed. The table "Whom to wake" in the contract says how to wake fewer.
struct Shared {
    session: watch::Sender<Session>,
    /// How many receivers were attached so far.
    receivers: AtomicU64,
}

impl Shared {
    fn new(config: Arc<SessionConfig>) -> Arc<Self> {
        Arc::new(Self {
            session: watch::Sender::new(Session::new(Instant::now(), config)),
            receivers: AtomicU64::new(0),
        })
    }

    /// Feeds the session. The clock is read under the lock, so that the time that the session is told
    /// never goes back.
    fn update<R>(&self, change: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let mut result = None;
        self.session
            .send_modify(|session| result = Some(change(session, Instant::now())));
        result.expect("the change was made")
    }

    async fn until(&self, is_over: impl FnMut(&Session) -> bool) {
        let waited = self.session.subscribe().wait_for(is_over).await.is_ok();
        debug_assert!(waited, "the sender is in `self`");
    }

    fn ending(&self) -> Option<Ending> {
        self.session.borrow().ending().cloned()
    }

    /// Attaches a receiver, or says with which close frame to turn it away.
    fn attach(self: &Arc<Self>) -> Result<Receiver, CloseReason> {
        let number = self.update(|session, now| {
            session.attach(now).map_err(|error| match error {
                AttachError::Closed(reason) => reason,
                _ => CloseReason::ANOTHER_CONNECTION,
            })?;
            Ok(self.receivers.fetch_add(1, Ordering::SeqCst) + 1)
        })?;
        Ok(Receiver {
            shared: self.clone(),
            number,
            is_complete: false,
        })
    }
}

/// The hold of a receiver on its session. If it is dropped, the client is lost, unless the response
/// was complete for it.
struct Receiver {
    shared: Arc<Shared>,
    number: u64,
    is_complete: bool,
}

impl Receiver {
    /// Waits for the next frame; `None` once no frame will follow. A wait that is given up loses
    /// nothing.
    async fn frame(&self) -> Option<Frame> {
        self.shared
            .until(|session| session.has_frame() || session.ending().is_some())
            .await;
        self.shared.update(|session, now| session.poll_frame(now))
    }

    /// Reports that the client took the frames that were taken so far.
    fn flushed(&self) {
        self.shared
            .update(|session, now| session.handle_flushed(now));
    }

    /// Detaches, so that the client's next request can attach. It may arrive as soon as the last
    /// bytes of this response have left, so this comes first.
    fn complete(&mut self) {
        self.is_complete = true;
        self.shared
            .update(|session, now| session.handle_complete(now));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.update(|session, now| {
            let is_last = self.number == self.shared.receivers.load(Ordering::SeqCst);
            if !self.is_complete {
                session.handle_lost();
            } else if is_last {
                // The disconnect delay starts, unless this is a response that a later one overtook.
                session.handle_released(now);
            }
        });
    }
}

/// The application: sends every message back. It ends with the session.
async fn echo(shared: &Shared) {
    loop {
        match shared.update(|session, _| session.poll_event()) {
            Some(Event::Message(message)) => {
                // After any other error, the event `Closed` follows.
                let mut unsent = message;
                while let Err(SendError::Full(message)) =
                    shared.update(|session, now| session.send(now, unsent))
                {
                    // The client is slow. Until it has taken something, no message is taken from it,
                    // so that the receive buffer fills and the server stops reading.
                    let full = shared.session.borrow().unsent();
                    shared
                        .until(|it| it.unsent() < full || it.state() != SessionState::Open)
                        .await;
                    unsent = message;
                }
            }
            Some(Event::Closed(ending)) => {
                println!("session closed: {:?}", ending.cause());
                return;
            }
            Some(_) => {}
            None => {
                shared
                    .until(|session| session.has_messages() || session.ending().is_some())
                    .await;
            }
        }
    }
}

/// The timer of a session: heartbeats, and the ends of all delays. It ends with the session.
async fn keep_time(shared: &Shared) {
    let mut session = shared.session.subscribe();
    loop {
        // Without a deadline, only a change can bring one.
        let Some(at) = session.borrow_and_update().poll_timeout() else {
            if shared.ending().is_some() || session.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            // The deadline may be another one now.
            _ = session.changed() => {}
            () = sleep_until(at.into()) => {
                shared.update(|session, now| session.handle_timeout(now));
            }
        }
    }
}

struct Server {
    config: Arc<SessionConfig>,
    /// For WebSockets, whose clients can answer a ping.
    websocket_config: Arc<SessionConfig>,
    iframe: IframePage,
    sessions: Mutex<HashMap<String, Known>>,
    places: Arc<Semaphore>,
}

/// A session that is known by its id.
#[derive(Clone)]
enum Known {
    Live(Arc<Shared>),
    /// A late request is told how the session ended, and opens no new session under the old id.
    Ended(CloseReason),
}

impl Server {
    fn new(config: SessionConfig) -> Arc<Self> {
        Arc::new(Self {
            config: Arc::new(config.clone()),
            websocket_config: Arc::new(config.with_pong_timeout(Duration::from_secs(10))),
            iframe: IframePage::new(SOCKJS_URL),
            sessions: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_SESSIONS)),
        })
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place that a session has until it is forgotten.
    fn reserve(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = self.places.clone().try_acquire_owned();
        place.map_err(|_| Refusal::TooManySessions)
    }

    /// Finds the session of a receive request, or opens it.
    fn find_or_open(self: &Arc<Self>, id: &str) -> Result<Known, Refusal> {
        let mut sessions = self.sessions();
        if let Some(known) = sessions.get(id) {
            return Ok(known.clone());
        }
        let place = self.reserve()?;
        let shared = Shared::new(self.config.clone());
        let known = Known::Live(shared.clone());
        sessions.insert(id.to_owned(), known.clone());
        tokio::spawn(self.clone().run(id.to_owned(), shared, place));
        Ok(known)
    }

    /// Runs a session over HTTP to its end, then remembers it for a while.
    async fn run(self: Arc<Self>, id: String, shared: Arc<Shared>, place: OwnedSemaphorePermit) {
        tokio::join!(echo(&shared), keep_time(&shared));
        let ending = shared.ending().expect("both wait for the end");
        drop(shared);
        let ended = Known::Ended(ending.reason().clone());
        self.sessions().insert(id.clone(), ended);
        sleep(self.config.disconnect_delay().saturating_add(REMEMBER)).await;
        self.sessions().remove(&id);
        drop(place);
    }

    fn iframe(&self, request: &Request<Incoming>) -> Response<Body> {
        let mut known = request.headers().get_all(IF_NONE_MATCH).iter();
        let mut response = if known.any(|tags| self.iframe.is_known_by(tags.as_bytes())) {
            response(304, None, Full::default().boxed_unsync())
        } else {
            respond(Endpoint::Iframe, self.iframe.html().to_owned())
        };
        let headers = response.headers_mut();
        let tag = self.iframe.etag().parse().expect("it is visible ASCII");
        headers.insert(ETAG, tag);
        let cache = "public, max-age=31536000".parse();
        headers.insert(CACHE_CONTROL, cache.expect("it is visible ASCII"));
        response
    }
}

/// The body of a response that takes frames.
struct Frames {
    encoder: ResponseEncoder,
    prelude: Option<Bytes>,
    /// The session, or the reason in the one close frame that the client gets.
    receiver: Result<Receiver, CloseReason>,
}

impl Server {
    /// Answers a receive request with frames, until the response is complete: after one frame if the
    /// transport polls, otherwise at the response limit.
    fn send_frames(
        self: &Arc<Self>,
        id: &str,
        endpoint: Endpoint,
        encoder: ResponseEncoder,
    ) -> Result<Response<Body>, Refusal> {
        let receiver = match self.find_or_open(id)? {
            Known::Live(shared) => shared.attach(),
            Known::Ended(reason) => Err(reason),
        };
        let frames = Frames {
            prelude: encoder.prelude().map(|it| it.into_owned().into()),
            encoder,
            receiver,
        };
        let chunks =
            stream::unfold(frames, Frames::next).map(|chunk| Ok(hyper::body::Frame::data(chunk)));
        let body = StreamBody::new(chunks).boxed_unsync();
        Ok(response(200, endpoint.content_type(), body))
    }
}

impl Frames {
    /// Makes the next chunk. hyper asks for it when it has written the one before, or has room for
    /// another.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.encoder.is_complete() {
            return None;
        }
        if let Some(prelude) = self.prelude.take() {
            return Some((prelude, self));
        }
        let frame = match &self.receiver {
            Ok(receiver) => {
                receiver.flushed();
                // The session may end without a close frame. The client is told why all the same.
                receiver.frame().await.or_else(|| {
                    let ending = receiver.shared.ending()?;
                    Some(Frame::Close(ending.reason().clone()))
                })?
            }
            Err(reason) => Frame::Close(reason.clone()),
        };
        let chunk = self.encoder.encode(&frame);
        if let (true, Ok(receiver)) = (self.encoder.is_complete(), &mut self.receiver) {
            receiver.complete();
        }
        Some((chunk.into(), self))
    }
}

impl Server {
    /// Answers a send request. The body is checked first, so that a broken one is refused as broken
    /// even if there is no session.
    async fn receive_payload(&self, id: &str, body: Incoming) -> Result<Response<Body>, Refusal> {
        let body = Limited::new(body, BODY_LIMIT).collect();
        let body = match timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Refusal::BodyTooLarge),
            Ok(Err(_)) => return Err(Refusal::BrokenBody),
            Err(_) => return Err(Refusal::SlowBody),
        };
        let mut payload = Payload::parse(&String::from_utf8_lossy(&body), MESSAGE_LIMIT)?;
        let known = self.sessions().get(id).cloned();
        let Some(Known::Live(shared)) = known else {
            return Err(Refusal::NoSession);
        };
        loop {
            match shared.update(|session, _| session.handle_payload(payload)) {
                Ok(()) => {
                    return Ok(response(
                        204,
                        Endpoint::XhrSend.content_type(),
                        Body::default(),
                    ));
                }
                // The application is slow, so the answer waits, and the client sends nothing more.
                Err(ReceiveError::Full(again)) => payload = again,
                Err(_) => return Err(Refusal::NoSession),
            }
            shared.until(takes_payload).await;
        }
    }
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Server {
    /// Answers the handshake. The session begins when hyper hands over the connection.
    fn upgrade(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let answer = create_response_with_body(&request, Body::default);
        let answer = answer.map_err(|_| Refusal::NotWebSocket)?;
        let place = self.reserve()?;
        let config = self.websocket_config.clone();
        tokio::spawn(async move {
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                let shared = Shared::new(config);
                tokio::join!(echo(&shared), keep_time(&shared), talk(&shared, upgraded));
            }
            // The id in the URL means nothing, and nothing is remembered.
            drop(place);
        });
        Ok(answer)
    }
}

/// Moves payloads and frames between a connection and its session, until both are closed.
async fn talk(shared: &Arc<Shared>, upgraded: Upgraded) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(BODY_LIMIT))
        .max_frame_size(Some(BODY_LIMIT));
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let Ok(receiver) = shared.attach() else {
        return;
    };
    // The open frame is first, even if something arrived with the handshake.
    let mut goes_on = write_next(&receiver, &mut socket, receiver.frame().await).await;
    while goes_on {
        let reads = takes_payload(&shared.session.borrow());
        goes_on = tokio::select! {
            frame = receiver.frame() => write_next(&receiver, &mut socket, frame).await,
            message = socket.next(), if reads => read(shared, &mut socket, message).await,
            // The application is slow, so nothing is read until there is room.
            () = shared.until(takes_payload), if !reads => true,
        };
    }
    // If the session has not ended, it has lost its client.
    drop(receiver);
    // The rest of the input is read and discarded. If the connection were dropped with unread bytes,
    // it would be reset, and the client might not see the close frame.
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = timeout(CLOSE_TIMEOUT, rest).await;
}

/// Returns whether a payload would be taken, or refused for good.
fn takes_payload(session: &Session) -> bool {
    session.has_room() || session.state() != SessionState::Open
}

/// Writes a frame. Returns whether the session goes on.
async fn write_next(receiver: &Receiver, socket: &mut Socket, frame: Option<Frame>) -> bool {
    let Some(frame) = frame else {
        return false;
    };
    let text = SocketMessage::text(frame.to_string());
    if let Frame::Close(reason) = &frame {
        // The session is over, and its deadlines with it.
        let written = async {
            socket.feed(text).await?;
            close(socket, reason).await
        };
        let _ = timeout(CLOSE_TIMEOUT, written).await;
        return false;
    }
    let written = async {
        socket.feed(text).await?;
        if let Frame::Heartbeat = frame {
            // A script sees the frame, and a browser answers the ping.
            socket.feed(SocketMessage::Ping(Bytes::new())).await?;
        }
        socket.flush().await
    };
    tokio::select! {
        written = written => {
            if written.is_ok() {
                receiver.flushed();
            }
            written.is_ok()
        }
        // The client took nothing for the send timeout.
        () = receiver.shared.until(|session| session.ending().is_some()) => false,
    }
}

/// Handles what arrived. Returns whether the session goes on.
async fn read(
    shared: &Shared,
    socket: &mut Socket,
    message: Option<Result<SocketMessage, SocketError>>,
) -> bool {
    let text = match message {
        Some(Ok(SocketMessage::Text(text))) => text,
        Some(Ok(SocketMessage::Binary(bytes))) => match bytes.try_into() {
            Ok(text) => text,
            Err(_) => return fail(shared, socket, CloseReason::BROKEN_FRAMING).await,
        },
        // tungstenite answers it.
        Some(Ok(SocketMessage::Close(frame))) => {
            let reason = frame.map_or(CloseReason::NO_STATUS, |frame| {
                CloseReason::new(frame.code.into(), frame.reason.as_str().to_owned())
            });
            shared.update(|session, _| session.abort(reason, Cause::ClosedByClient));
            return false;
        }
        // A pong, or a ping that tungstenite answers.
        Some(Ok(_)) => {
            shared.update(|session, _| session.handle_alive());
            return true;
        }
        Some(Err(SocketError::Capacity(_))) => {
            return fail(shared, socket, CloseReason::TOO_LONG).await;
        }
        Some(Err(SocketError::Utf8(_))) => {
            return fail(shared, socket, CloseReason::BROKEN_FRAMING).await;
        }
        // The receiver is dropped, and the client is lost.
        Some(Err(SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) | None => {
            return false;
        }
        Some(Err(SocketError::Protocol(_))) => {
            return fail(shared, socket, CloseReason::PROTOCOL_ERROR).await;
        }
        Some(Err(_)) => return false,
    };
    match Payload::parse_frame(&text, MESSAGE_LIMIT) {
        // A session that is closing discards it. There is room, because nothing is read without.
        Ok(payload) => {
            let _ = shared.update(|session, _| session.handle_payload(payload));
            true
        }
        Err(PayloadError::TooLong) => fail(shared, socket, CloseReason::TOO_LONG).await,
        Err(_) => fail(shared, socket, CloseReason::BROKEN_FRAMING).await,
    }
}

/// Ends the session for what the client sent: a WebSocket close frame follows at once, without a `c`
/// frame.
async fn fail(shared: &Shared, socket: &mut Socket, reason: CloseReason) -> bool {
    let cause = if reason == CloseReason::TOO_LONG {
        Cause::LimitExceeded
    } else {
        Cause::ProtocolError
    };
    shared.update(|session, _| session.abort(reason.clone(), cause));
    // A client that does not take it is not waited for.
    let _ = timeout(CLOSE_TIMEOUT, close(socket, &reason)).await;
    false
}

async fn close(socket: &mut Socket, reason: &CloseReason) -> Result<(), SocketError> {
    let (code, text) = reason.for_websocket();
    let frame = CloseFrame {
        code: code.into(),
        reason: text.into(),
    };
    socket.send(SocketMessage::Close(Some(frame))).await
}

#[cfg(test)]
mod tests;
