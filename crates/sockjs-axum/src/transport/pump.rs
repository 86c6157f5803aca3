//! What both WebSocket transports share: one task that moves everything there is to move.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::str;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use http::Response;
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use sockjs_core::{Cause, CloseReason, Frame, Payload, PayloadError, Transport};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::Instrument;

use crate::body::OwnBody;
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::http::reject::Refusal;
use crate::mount::admission::Addressed;
use crate::mount::registry::Place;
use crate::mount::task::{self, Alarm, Alert, App, OpenSession};
use crate::session::Session;
use crate::session::attachment::Attachment;
use crate::session::driver::{Driver, Origin};
use crate::session::handler::Accepted;
use crate::session::opening::{self, Opening};

use super::close::Farewell;
use super::handshake::handshake;
use super::socket::Socket;

/// How a WebSocket transport puts frames and payloads into WebSocket messages.
pub(super) trait Framing: Send + 'static {
    const TRANSPORT: Transport;

    /// Returns how long a WebSocket message may be, in bytes.
    fn payload_limit(config: &Config) -> usize;

    fn decode(text: &str, message_limit: usize) -> Result<Payload, PayloadError>;

    fn encode(frame: Frame, input: Input, send: impl FnMut(Message));
}

/// Answers the handshake and starts the session's task, which waits for the connection.
pub(super) async fn upgrade<F: Framing>(
    endpoint: &Endpoint,
    mut parts: Box<Parts>,
    addressed: Addressed,
) -> Result<Response<OwnBody>, Refusal> {
    let (on_upgrade, response) = handshake(&mut parts)?;
    let origin = Origin {
        transport: F::TRANSPORT,
        remote_addr: opening::remote_addr(&parts),
    };
    let (accepted, opening, place) = endpoint.accept(parts, addressed).await?;
    let session = NewSession {
        accepted,
        opening,
        place,
        origin,
    };
    // On the heap, as a session lives nearly all its life without.
    let opened = Box::pin(open::<F>(endpoint.clone(), on_upgrade, session));
    task::spawn(run::<F>(opened));
    Ok(response)
}

/// All that a session is made of once the connection is there.
struct NewSession {
    accepted: Accepted,
    opening: Opening,
    place: Place,
    origin: Origin,
}

/// The task of a session on a WebSocket.
async fn run<F: Framing>(opened: Pin<Box<impl Future<Output = Option<Connected>>>>) {
    let Some(connected) = opened.await else {
        tracing::debug!("connection did not become a websocket");
        return;
    };
    let span = task::span(&connected.pump.driver);
    if span.is_disabled() {
        serve::<F>(connected).await;
    } else {
        serve::<F>(connected).instrument(span).await;
    }
}

/// A session on its connection, to be dropped in this order.
struct Connected {
    session: OpenSession,
    pump: Box<Pump>,
}

/// Waits for the connection and opens the session on it.
async fn open<F: Framing>(
    endpoint: Endpoint,
    on_upgrade: OnUpgrade,
    session: NewSession,
) -> Option<Connected> {
    let config = endpoint.config();
    let NewSession {
        accepted,
        opening,
        place,
        origin,
    } = session;
    let upgraded = tokio::select! {
        upgraded = tokio::time::timeout(config.handshake_timeout, on_upgrade) => upgraded.ok()?.ok()?,
        () = place.registry().stopped() => return None,
    };
    let (driver, attachment) = Driver::open(
        opening,
        origin,
        endpoint.meter(F::TRANSPORT),
        endpoint.session_config(F::TRANSPORT),
    );
    let registration = place.register(driver.clone());
    let app = App::new(accepted(Session::new(driver.clone())));
    let pump = Pump::new::<F>(upgraded, driver, attachment, config).await;
    Some(Connected {
        session: OpenSession { registration, app },
        pump: Box::new(pump),
    })
}

/// Serves a session to its end, and then takes leave of the client and the handler.
async fn serve<F: Framing>(connected: Connected) {
    let Connected {
        mut pump,
        mut session,
    } = connected;
    // The open frame goes first, even where the client's first frames came with its handshake and
    // are not worth an answer.
    let first = poll_fn(|cx| Poll::Ready(pump.write::<F>(cx))).await;
    let farewell = match first {
        ControlFlow::Break(farewell) => farewell,
        ControlFlow::Continue(()) => {
            let mut alarm = pin!(Alarm::new());
            poll_fn(|cx| pump.poll::<F>(cx, &mut session.app, alarm.as_mut())).await
        }
    };
    session.registration.end();
    // On the heap, too, and in two steps, as there would be room for both in one.
    let leave = Box::pin(take_leave(farewell, pump, session));
    leave.await;
}

/// Ends the connection, and lets the handler run to its end, which may be much later.
async fn take_leave(farewell: Farewell, mut pump: Box<Pump>, session: OpenSession) {
    let driver = pump.driver.clone();
    let OpenSession {
        mut app,
        registration,
    } = session;
    let farewell = async move {
        farewell.take(&mut pump.socket).await;
        // The handler may take longer than the connection.
        drop(pump);
    };
    tokio::select! {
        _ = async { tokio::join!(farewell, app.finish(&driver)) } => {}
        () = registration.registry().stopped() => {}
    }
}

/// Moves payloads from the socket to the session, and frames from the session to the socket.
struct Pump {
    socket: WebSocketStream<Socket>,
    driver: Arc<Driver>,
    /// Loses the session's receiver when dropped.
    _attachment: Attachment,
    message_limit: usize,
    input: Input,
    output: Output,
    read: u64,
    written: u64,
}

/// Whether the socket is read. It is not while too much waits for the application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Input {
    Read,
    Paused,
}

/// Whether all that was put into the socket has left it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Output {
    Flushed,
    Unflushed,
}

impl Pump {
    async fn new<F: Framing>(
        upgraded: Upgraded,
        driver: Arc<Driver>,
        attachment: Attachment,
        config: &Config,
    ) -> Self {
        let limit = F::payload_limit(config);
        // The read buffer is filled with zeros before every read, and each idle connection has one.
        let options = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let io = Socket::new(upgraded);
        Self {
            socket: WebSocketStream::from_raw_socket(io, Role::Server, Some(options)).await,
            driver,
            _attachment: attachment,
            message_limit: config.message_limit,
            input: Input::Read,
            output: Output::Flushed,
            read: 0,
            written: 0,
        }
    }

    /// Moves all that can be moved, until the session is over.
    fn poll<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
        app: &mut App,
        mut alarm: Pin<&mut Alarm>,
    ) -> Poll<Farewell> {
        self.driver.hold(cx);
        loop {
            let end = self.read::<F>(cx);
            // The application hears of an end of the session, too, before it is left alone.
            let _ = app.poll(cx, &self.driver);
            if let ControlFlow::Break(farewell) = end {
                return Poll::Ready(farewell);
            }
            if let ControlFlow::Break(farewell) = self.write::<F>(cx) {
                return Poll::Ready(farewell);
            }
            match alarm.as_mut().poll(cx, &self.driver) {
                Poll::Ready(Alert::Due) => self.driver.handle_timeout(),
                Poll::Ready(Alert::Missed) => {}
                Poll::Ready(Alert::Closed) => return Poll::Ready(Farewell::Silent),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads while the session has room.
    fn read<F: Framing>(&mut self, cx: &mut Context<'_>) -> ControlFlow<Farewell> {
        let mut posted = false;
        loop {
            // What is posted here alone takes room.
            if self.input == Input::Paused || posted {
                if self.driver.poll_room(cx).is_pending() {
                    self.input = Input::Paused;
                    break;
                }
                self.input = Input::Read;
            }
            let Poll::Ready(message) = Pin::new(&mut self.socket).poll_next(cx) else {
                break;
            };
            let payload = match message {
                Some(Ok(Message::Text(text))) => F::decode(&text, self.message_limit),
                Some(Ok(Message::Binary(bytes))) => str::from_utf8(&bytes)
                    .map_err(|_| PayloadError::Broken)
                    .and_then(|text| F::decode(text, self.message_limit)),
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map_or(NO_STATUS, |frame| {
                        CloseReason::new(frame.code.into(), frame.reason.as_str().to_owned())
                    });
                    self.driver.abort(reason, Cause::ClosedByClient);
                    return ControlFlow::Break(Farewell::Reply);
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return ControlFlow::Break(self.fail(&error)),
                None => return ControlFlow::Break(self.lose()),
            };
            match payload {
                Ok(payload) => {
                    // What comes for a session that closes is not for the application any more.
                    drop(self.driver.post(payload));
                    posted = true;
                }
                Err(PayloadError::TooLong) => {
                    return ControlFlow::Break(self.end(TOO_LONG, Cause::LimitExceeded));
                }
                Err(_) => return ControlFlow::Break(self.end(BROKEN, Cause::ProtocolError)),
            }
        }
        let read = self.socket.get_ref().read();
        if self.read != read {
            self.read = read;
            if !posted {
                self.driver.handle_alive();
            }
        }
        ControlFlow::Continue(())
    }

    /// Writes frames while the socket takes them. Each has all the messages that wait, so that each
    /// is worth a flush.
    fn write<F: Framing>(&mut self, cx: &mut Context<'_>) -> ControlFlow<Farewell> {
        let mut next = match self.output {
            Output::Flushed => self.driver.poll_frame(cx),
            Output::Unflushed => Poll::Pending,
        };
        loop {
            if self.output == Output::Unflushed {
                match Pin::new(&mut self.socket).poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.output = Output::Flushed,
                    Poll::Ready(Err(error)) => return ControlFlow::Break(self.fail(&error)),
                    Poll::Pending => {
                        self.note_progress();
                        return ControlFlow::Continue(());
                    }
                }
                next = self.driver.poll_next_frame(cx);
            }
            let Poll::Ready(frame) = next else {
                return ControlFlow::Continue(());
            };
            let Some(frame) = frame else {
                return ControlFlow::Break(Farewell::Silent);
            };
            let closed = if let Frame::Close(reason) = &frame {
                Some(reason.clone())
            } else {
                None
            };
            let mut result = Ok(());
            F::encode(frame, self.input, |message| {
                if result.is_ok() {
                    result = Pin::new(&mut self.socket).start_send(message);
                }
            });
            if let Err(error) = result {
                return ControlFlow::Break(self.fail(&error));
            }
            if let Some(reason) = closed {
                return ControlFlow::Break(Farewell::Close(reason));
            }
            self.output = Output::Unflushed;
            next = Poll::Pending;
        }
    }

    fn note_progress(&mut self) {
        let written = self.socket.get_ref().written();
        if self.written != written {
            self.written = written;
            self.driver.handle_progress();
        }
    }

    fn fail(&self, error: &Error) -> Farewell {
        match error {
            Error::Capacity(_) => self.end(TOO_LONG, Cause::LimitExceeded),
            Error::Utf8(_) => self.end(BROKEN, Cause::ProtocolError),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => self.lose(),
            Error::Protocol(_) => self.end(VIOLATION, Cause::ProtocolError),
            _ => self.lose(),
        }
    }

    fn end(&self, reason: CloseReason, cause: Cause) -> Farewell {
        self.driver.abort(reason.clone(), cause);
        Farewell::Close(reason)
    }

    fn lose(&self) -> Farewell {
        self.driver
            .abort(CloseReason::INTERRUPTED, Cause::ReceiverLost);
        Farewell::Silent
    }
}

const BROKEN: CloseReason = CloseReason::from_static(1007, "Broken framing.");
const VIOLATION: CloseReason = CloseReason::from_static(1002, "Protocol error");
const TOO_LONG: CloseReason = CloseReason::from_static(1009, "Message too long");

/// What RFC 6455 §7.1.5 calls a close frame without a code.
const NO_STATUS: CloseReason = CloseReason::from_static(1005, "");

const READ_BUFFER: usize = 4096;
