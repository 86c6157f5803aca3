//! What both WebSocket transports share while the connection lives: one task moves payloads and
//! frames.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::str;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};
use hyper::upgrade::Upgraded;
use sockjs_core::{Cause, CloseReason, Frame, Payload, PayloadError, Transport};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::close::ClosingHandshake;
use super::socket::Socket;
use crate::config::Config;
use crate::mount::{SessionTask, Timer};
use crate::session::Attachment;
use crate::session::close::{BROKEN_FRAMING, NO_STATUS, PROTOCOL_ERROR, TOO_LONG};

/// How a WebSocket transport puts frames and payloads into WebSocket messages.
pub(super) trait Framing: Send + 'static {
    const TRANSPORT: Transport;

    /// Returns how long a WebSocket message may be, in bytes.
    fn payload_limit(config: &Config) -> usize;

    fn decode(text: &str, message_limit: usize) -> Result<Payload, PayloadError>;

    fn encode(frame: Frame, input: Input, send: impl FnMut(Message));
}

/// Moves payloads from the socket to the session, and frames from the session to the socket.
pub(super) struct Pump {
    socket: WebSocketStream<Socket>,
    attachment: Attachment,
    message_limit: usize,
    input: Input,
    output: Output,
    read: u64,
    written: u64,
}

/// Whether the socket is read. It is paused while the receive buffer is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Input {
    Read,
    Paused,
}

/// Whether the socket has bytes that it has not written yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Output {
    Flushed,
    Unflushed,
}

impl Pump {
    pub(super) async fn new<F: Framing>(
        upgraded: Upgraded,
        attachment: Attachment,
        config: &Config,
    ) -> Self {
        let limit = F::payload_limit(config);
        // The read buffer is small, because tungstenite fills it with zeros before every read and
        // every idle connection keeps one.
        let options = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let io = Socket::new(upgraded);
        Self {
            socket: WebSocketStream::from_raw_socket(io, Role::Server, Some(options)).await,
            attachment,
            message_limit: config.message_limit,
            input: Input::Read,
            output: Output::Flushed,
            read: 0,
            written: 0,
        }
    }

    pub(super) fn socket(&mut self) -> &mut WebSocketStream<Socket> {
        &mut self.socket
    }

    /// Reads payloads, polls the handler, writes frames and arms the timer, until the session is over.
    pub(super) fn poll<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
        task: &mut SessionTask,
        mut timer: Pin<&mut Timer>,
    ) -> Poll<ClosingHandshake> {
        task.hold(cx);
        loop {
            let end = self.read::<F>(cx);
            // The handler runs once more after the end, so that it can react before the connection
            // closes.
            let _ = task.poll_handler(cx);
            if let ControlFlow::Break(closing) = end {
                return Poll::Ready(closing);
            }
            if let ControlFlow::Break(closing) = self.write::<F>(cx) {
                return Poll::Ready(closing);
            }
            if ready!(task.poll_timer(cx, timer.as_mut())).is_break() {
                return Poll::Ready(ClosingHandshake::Skip);
            }
        }
    }

    /// Reads payloads while the receive buffer has room.
    fn read<F: Framing>(&mut self, cx: &mut Context<'_>) -> ControlFlow<ClosingHandshake> {
        let mut posted = false;
        loop {
            // Room only becomes less by the payloads that are posted here.
            if self.input == Input::Paused || posted {
                if self.attachment.poll_room(cx).is_pending() {
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
                    self.attachment.abort(reason, Cause::ClosedByClient);
                    return ControlFlow::Break(ClosingHandshake::Answer);
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return ControlFlow::Break(self.fail(&error)),
                None => return ControlFlow::Break(self.lose()),
            };
            match payload {
                Ok(payload) => {
                    self.attachment.post(payload);
                    posted = true;
                }
                Err(PayloadError::TooLong) => {
                    return ControlFlow::Break(self.end(TOO_LONG, Cause::LimitExceeded));
                }
                Err(_) => {
                    return ControlFlow::Break(self.end(BROKEN_FRAMING, Cause::ProtocolError));
                }
            }
        }
        let read = self.socket.get_ref().read();
        if self.read != read {
            self.read = read;
            if !posted {
                self.attachment.handle_alive();
            }
        }
        ControlFlow::Continue(())
    }

    /// Writes frames while the socket takes them. Each frame is flushed, because it contains all
    /// messages that were queued.
    pub(super) fn write<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> ControlFlow<ClosingHandshake> {
        let mut next = match self.output {
            Output::Flushed => self.attachment.poll_frame(cx),
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
                next = self.attachment.poll_next_frame(cx);
            }
            let Poll::Ready(frame) = next else {
                return ControlFlow::Continue(());
            };
            let Some(frame) = frame else {
                return ControlFlow::Break(ClosingHandshake::Skip);
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
                return ControlFlow::Break(ClosingHandshake::Start(reason));
            }
            self.output = Output::Unflushed;
            next = Poll::Pending;
        }
    }

    fn note_progress(&mut self) {
        let written = self.socket.get_ref().written();
        if self.written != written {
            self.written = written;
            self.attachment.handle_progress();
        }
    }

    fn fail(&self, error: &Error) -> ClosingHandshake {
        match error {
            Error::Capacity(_) => self.end(TOO_LONG, Cause::LimitExceeded),
            Error::Utf8(_) => self.end(BROKEN_FRAMING, Cause::ProtocolError),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => self.lose(),
            Error::Protocol(_) => self.end(PROTOCOL_ERROR, Cause::ProtocolError),
            _ => self.lose(),
        }
    }

    fn end(&self, reason: CloseReason, cause: Cause) -> ClosingHandshake {
        self.attachment.abort(reason.clone(), cause);
        ClosingHandshake::Start(reason)
    }

    fn lose(&self) -> ClosingHandshake {
        self.attachment
            .abort(CloseReason::INTERRUPTED, Cause::ReceiverLost);
        ClosingHandshake::Skip
    }
}

const READ_BUFFER: usize = 4096;
