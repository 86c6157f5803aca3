//! What both WebSocket transports share while the connection lives: one task moves payloads and
//! frames.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::str;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use sockjs_core::{Cause, CloseReason, Frame, Payload, PayloadError, Transport};
use tungstenite::error::ProtocolError;
use tungstenite::{Error, Message};

use super::close::ClosingHandshake;
use super::protocol::Received;
use super::read_buffer::ReadBuffer;
use super::socket::Socket;
use crate::config::Config;
use crate::mount::{SessionTask, Timer};
use crate::session::{Attachment, Next, Room};

/// How a WebSocket transport puts frames and payloads into WebSocket messages.
pub(super) trait Framing: Send + 'static {
    const TRANSPORT: Transport;

    /// Returns how long a WebSocket message may be, in bytes.
    fn payload_limit(config: &Config) -> usize;

    fn decode(text: &str, message_limit: usize) -> Result<Payload, PayloadError>;

    /// Appends the WebSocket messages of a frame.
    fn encode(frame: Frame, input: Input, out: &mut Vec<u8>);
}

/// Moves payloads from the socket to the session, and frames from the session to the socket.
pub(super) struct Pump {
    socket: Socket,
    attachment: Attachment,
    message_limit: usize,
    input: Input,
    output: Output,
    pong: Pong,
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

/// Whether the last ping that was read has its pong.
///
/// Nothing is read behind a ping whose pong has not left. Otherwise a client that sends pings and
/// does not read could make the server hold any number of pongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pong {
    Sent,
    /// tungstenite has it, and writes it at the next flush.
    Unsent,
}

impl Pump {
    pub(super) fn new<F: Framing>(
        upgraded: Upgraded,
        attachment: Attachment,
        config: &Config,
        max_write: usize,
    ) -> Self {
        Self {
            socket: Socket::new(upgraded, max_write, F::payload_limit(config)),
            attachment,
            message_limit: config.message_limit,
            input: Input::Read,
            output: Output::Flushed,
            pong: Pong::Sent,
            read: 0,
            written: 0,
        }
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
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
            if self.pong == Pong::Unsent && self.output == Output::Flushed {
                // The pong has left after all, so that the socket is read again.
                self.pong = Pong::Sent;
                continue;
            }
            if ready!(task.poll_timer(cx, timer.as_mut())).is_break() {
                return Poll::Ready(ClosingHandshake::Skip);
            }
        }
    }

    /// Reads payloads while the receive buffer has room, and pongs leave.
    fn read<F: Framing>(&mut self, cx: &mut Context<'_>) -> ControlFlow<ClosingHandshake> {
        let mut input = self.socket.input();
        let read = self.read_payloads::<F>(cx, &mut input);
        self.socket.keep(input);
        // Otherwise tungstenite may hold messages that were not taken, or a close frame.
        if read.is_continue() && self.pong == Pong::Sent && self.input == Input::Read {
            self.socket.rest();
        }
        read
    }

    fn read_payloads<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut ReadBuffer,
    ) -> ControlFlow<ClosingHandshake> {
        let mut posted = false;
        loop {
            if self.pong == Pong::Unsent {
                match self.socket.poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.pong = Pong::Sent,
                    Poll::Ready(Err(error)) => return ControlFlow::Break(self.fail(&error)),
                    Poll::Pending => {
                        self.output = Output::Unflushed;
                        self.attachment.handle_blocked();
                        break;
                    }
                }
            }
            if self.input == Input::Paused {
                if self.attachment.poll_room(cx).is_pending() {
                    break;
                }
                self.input = Input::Read;
            }
            let Poll::Ready(message) = self.socket.poll_message(cx, input) else {
                break;
            };
            let payload = match message {
                Some(Ok(Received::Message)) => self.decode::<F>(input.message()),
                Some(Ok(Received::Other(Message::Text(text)))) => {
                    F::decode(&text, self.message_limit)
                }
                Some(Ok(Received::Other(Message::Binary(bytes)))) => self.decode::<F>(&bytes),
                Some(Ok(Received::Other(Message::Close(frame)))) => {
                    let reason = frame.map_or(CloseReason::NO_STATUS, |frame| {
                        CloseReason::new(frame.code.into(), frame.reason.as_str().to_owned())
                    });
                    self.attachment.abort(reason, Cause::ClosedByClient);
                    return ControlFlow::Break(ClosingHandshake::Answer);
                }
                Some(Ok(Received::Other(Message::Ping(_)))) => {
                    self.pong = Pong::Unsent;
                    continue;
                }
                Some(Ok(Received::Other(_))) => continue,
                Some(Err(error)) => return ControlFlow::Break(self.fail(&error)),
                None => return ControlFlow::Break(self.lose()),
            };
            match payload {
                Ok(payload) => {
                    if self.attachment.post(payload) == Room::Full {
                        self.input = Input::Paused;
                    }
                    posted = true;
                }
                Err(PayloadError::TooLong) => {
                    return ControlFlow::Break(
                        self.end(CloseReason::TOO_LONG, Cause::LimitExceeded),
                    );
                }
                Err(_) => {
                    return ControlFlow::Break(
                        self.end(CloseReason::BROKEN_FRAMING, Cause::ProtocolError),
                    );
                }
            }
        }
        let read = self.socket.read();
        if self.read != read {
            self.read = read;
            if !posted {
                self.attachment.handle_alive();
            }
        }
        ControlFlow::Continue(())
    }

    fn decode<F: Framing>(&self, message: &[u8]) -> Result<Payload, PayloadError> {
        let text = str::from_utf8(message).map_err(|_| PayloadError::Broken)?;
        F::decode(text, self.message_limit)
    }

    /// Writes frames while the socket takes them. Frames that are ready together are flushed
    /// together.
    pub(super) fn write<F: Framing>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> ControlFlow<ClosingHandshake> {
        let mut next = match self.output {
            Output::Flushed => self.attachment.poll_frame(cx),
            Output::Unflushed => Poll::Pending,
        };
        loop {
            if let Poll::Ready(taken) = next {
                let Some((frame, another)) = taken else {
                    return ControlFlow::Break(ClosingHandshake::Skip);
                };
                let closed = if let Frame::Close(reason) = &frame {
                    Some(reason.clone())
                } else {
                    None
                };
                let out = self.socket.buffer();
                F::encode(frame, self.input, out);
                let unflushed = out.len();
                if let Some(reason) = closed {
                    return ControlFlow::Break(ClosingHandshake::Start(reason));
                }
                self.output = Output::Unflushed;
                if another == Next::Ready && unflushed < MAX_UNFLUSHED {
                    next = self.attachment.poll_frame(cx);
                    continue;
                }
            } else if self.output == Output::Flushed {
                return ControlFlow::Continue(());
            }
            match self.socket.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.output = Output::Flushed,
                Poll::Ready(Err(error)) => return ControlFlow::Break(self.fail(&error)),
                Poll::Pending => {
                    self.note_progress();
                    return ControlFlow::Continue(());
                }
            }
            next = self.attachment.poll_next_frame(cx);
        }
    }

    fn note_progress(&mut self) {
        let written = self.socket.written();
        if self.written != written {
            self.written = written;
            self.attachment.handle_progress();
        }
    }

    fn fail(&self, error: &Error) -> ClosingHandshake {
        match error {
            Error::Capacity(_) => self.end(CloseReason::TOO_LONG, Cause::LimitExceeded),
            Error::Utf8(_) => self.end(CloseReason::BROKEN_FRAMING, Cause::ProtocolError),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => self.lose(),
            Error::Protocol(_) => self.end(CloseReason::PROTOCOL_ERROR, Cause::ProtocolError),
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

/// After how many bytes of frames a flush follows, even if another frame is ready. They are in
/// memory until the client takes them.
const MAX_UNFLUSHED: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every WebSocket has a pump for as long as it lasts, and so whatever is in it.
    #[test]
    fn the_pump_stays_small() {
        assert!(size_of::<Socket>() <= 152, "{}", size_of::<Socket>());
        assert!(size_of::<Pump>() <= 208, "{}", size_of::<Pump>());
    }
}
