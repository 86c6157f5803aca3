use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::read_buffer::{Boundary, ReadBuffer};

/// An upgraded connection that speaks WebSocket.
///
/// tungstenite does the protocol, in memory: it takes the bytes that were read from the connection, and
/// puts its pongs and close frames into the write buffer. The frames of the session go into the same
/// buffer. An idle connection keeps neither tungstenite nor a large buffer.
///
/// The counters distinguish a slow client from a stalled one, and show that a client is alive even
/// when only part of a frame has arrived.
pub(super) struct Socket {
    io: TokioIo<Upgraded>,
    /// Boxed, and there only while the client sends, because an idle connection needs none.
    protocol: Option<Box<Protocol>>,
    max_message: usize,
    /// Whether tungstenite has failed. The bytes behind a failure are no frames.
    is_broken: bool,
    /// The bytes that were read and not yet handed to tungstenite.
    rest: Vec<u8>,
    output: Vec<u8>,
    /// How many bytes of the output are written.
    taken: usize,
    max_write: usize,
    read: u64,
    written: u64,
}

/// tungstenite, and what it has read.
struct Protocol {
    context: WebSocketContext,
    boundary: Boundary,
}

impl Protocol {
    fn new(max_message: usize) -> Box<Self> {
        let options = WebSocketConfig::default()
            .read_buffer_size(PROTOCOL_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_CONTROL_FRAMES)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Box::new(Self {
            context: WebSocketContext::new(Role::Server, Some(options)),
            boundary: Boundary::default(),
        })
    }
}

impl Socket {
    /// Takes a connection that is given at most `max_write` bytes at a time. A message may have as many
    /// bytes as `max_message`.
    pub(super) fn new(upgraded: Upgraded, max_write: usize, max_message: usize) -> Self {
        Self {
            io: TokioIo::new(upgraded),
            protocol: None,
            max_message,
            is_broken: false,
            rest: Vec::new(),
            output: Vec::new(),
            taken: 0,
            max_write,
            read: 0,
            written: 0,
        }
    }

    /// Starts to read. The caller has to [keep](Self::keep) the bytes that it does not take.
    pub(super) fn input(&mut self) -> ReadBuffer {
        ReadBuffer::new(&mut self.rest)
    }

    /// Keeps the bytes that were not taken for the next time.
    pub(super) fn keep(&mut self, input: ReadBuffer) {
        input.finish(&mut self.rest);
    }

    /// Waits for the next message; `None` when the closing handshake is complete, and after an error.
    pub(super) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut ReadBuffer,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.is_broken {
            return Poll::Ready(None);
        }
        let mut is_at_end = false;
        loop {
            if self.protocol.is_some() || !input.is_empty() || is_at_end {
                let read =
                    self.with_protocol(input, is_at_end, |protocol, memory| protocol.read(memory));
                match read {
                    Ok(message) => return Poll::Ready(Some(Ok(message))),
                    Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                        return Poll::Ready(None);
                    }
                    Err(error) => {
                        self.is_broken = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            let mut buffer = ReadBuf::new(input.space());
            if let Err(error) = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)) {
                return Poll::Ready(Some(Err(Error::Io(error))));
            }
            let len = buffer.filled().len();
            input.handle_filled(len);
            self.read += len as u64;
            is_at_end = len == 0;
        }
    }

    /// Frees the memory that tungstenite allocated for a long message, once tungstenite holds no part of a
    /// message. It would keep the memory for as long as the connection lasts. See [`rest`](Self::rest).
    pub(super) fn shrink(&mut self) {
        if self
            .protocol
            .as_ref()
            .is_some_and(|protocol| protocol.boundary.longest() > PROTOCOL_BUFFER as u64)
        {
            self.rest();
        }
    }

    /// Frees the memory of tungstenite, unless it holds a part of a message or has begun to close. It is
    /// made again for the next bytes. All messages must be taken, and no pong may be unsent.
    pub(super) fn rest(&mut self) {
        self.protocol.take_if(|protocol| {
            protocol.boundary.is_between_messages() && protocol.context.can_write()
        });
    }

    /// Returns the write buffer, to append whole WebSocket frames to it. They are written by the
    /// next flush.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Writes everything: the frames in the buffer, and what tungstenite has yet to send.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.protocol.is_some() {
            let input = &mut ReadBuffer::default();
            self.with_protocol(input, false, |protocol, memory| protocol.flush(memory))?;
        }
        self.poll_flush_buffer(cx).map_err(Error::Io)
    }

    /// Writes everything that is in the write buffer.
    pub(super) fn poll_flush_buffer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Puts a close frame into the write buffer.
    pub(super) fn close(&mut self, frame: CloseFrame) -> Result<(), Error> {
        let input = &mut ReadBuffer::default();
        self.with_protocol(input, false, |protocol, memory| {
            protocol.close(memory, Some(frame))
        })
    }

    /// Closes the writing side, and reads and discards what the client still sends.
    pub(super) async fn drain(&mut self) -> io::Result<()> {
        self.io.shutdown().await?;
        tokio::io::copy(&mut self.io, &mut tokio::io::sink()).await?;
        Ok(())
    }

    /// Returns how many bytes were read since the start.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Returns how many bytes were written since the start.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    #[inline]
    fn with_protocol<T>(
        &mut self,
        input: &mut ReadBuffer,
        is_at_end: bool,
        act: impl FnOnce(&mut WebSocketContext, &mut Memory<'_>) -> T,
    ) -> T {
        let max_message = self.max_message;
        let protocol = self
            .protocol
            .get_or_insert_with(|| Protocol::new(max_message));
        let mut memory = Memory {
            input,
            boundary: &mut protocol.boundary,
            output: &mut self.output,
            is_at_end,
        };
        act(&mut protocol.context, &mut memory)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.output.len() {
            let rest = &self.output[self.taken..];
            let slice = &rest[..rest.len().min(self.max_write)];
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, slice))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += written;
            self.written += written as u64;
        }
        self.taken = 0;
        self.output.clear();
        self.output.shrink_to(IDLE_BUFFER);
        Poll::Ready(Ok(()))
    }
}

/// The memory that tungstenite uses as its connection.
struct Memory<'a> {
    input: &'a mut ReadBuffer,
    boundary: &'a mut Boundary,
    output: &'a mut Vec<u8>,
    /// Whether the client has closed its side.
    is_at_end: bool,
}

impl io::Read for Memory<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.input.take(buf);
        self.boundary.handle_read(&buf[..len]);
        if len == 0 && !self.is_at_end {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(len)
    }
}

impl io::Write for Memory<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How large the write buffer of an idle connection may be: enough for short messages.
const IDLE_BUFFER: usize = 1024;

/// How many bytes tungstenite is handed at a time. It fills as many with zeros before.
const PROTOCOL_BUFFER: usize = 256;

/// How many bytes tungstenite may keep to write them: more than a pong and a close frame.
const MAX_CONTROL_FRAMES: usize = 1024;
