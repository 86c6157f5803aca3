use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tungstenite::Error;
use tungstenite::protocol::CloseFrame;

use super::protocol::{Protocol, Received};
use super::read_buffer::ReadBuffer;

/// An upgraded connection that speaks WebSocket.
///
/// What the protocol has to say, such as a pong, goes into the same write buffer as the frames of the session.
/// An idle connection keeps no large buffer.
///
/// The counters distinguish a slow client from a stalled one, and show that a client is alive even
/// when only part of a frame has arrived.
pub(super) struct Socket {
    io: TokioIo<Upgraded>,
    protocol: Protocol,
    /// The bytes that were read and are not taken.
    rest: Vec<u8>,
    output: Vec<u8>,
    /// How many bytes of the output are written.
    taken: usize,
    max_write: usize,
    read: u64,
    written: u64,
}

impl Socket {
    /// Takes a connection that is given at most `max_write` bytes at a time. A message may have as many
    /// bytes as `max_message`.
    pub(super) fn new(upgraded: Upgraded, max_write: usize, max_message: usize) -> Self {
        Self {
            io: TokioIo::new(upgraded),
            protocol: Protocol::new(max_message),
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
    ) -> Poll<Option<Result<Received, Error>>> {
        let mut is_at_end = false;
        loop {
            let message = self.protocol.poll(input, &mut self.output, is_at_end);
            if message.is_ready() {
                return message;
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

    /// See [`Protocol::rest`].
    pub(super) fn rest(&mut self) {
        self.protocol.rest();
    }

    /// Returns the write buffer, to append whole WebSocket frames to it. They are written by the
    /// next flush.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Writes everything: the frames in the buffer, and what the protocol has yet to send.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.protocol.flush(&mut self.output)?;
        self.poll_flush_buffer(cx).map_err(Error::Io)
    }

    /// Writes everything that is in the write buffer.
    pub(super) fn poll_flush_buffer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Puts a close frame into the write buffer.
    pub(super) fn close(&mut self, frame: CloseFrame) -> Result<(), Error> {
        self.protocol.close(frame, &mut self.output)
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
        empty(&mut self.output);
        Poll::Ready(Ok(()))
    }
}

/// Empties the write buffer, and frees its memory if an idle connection must not keep as much.
fn empty(output: &mut Vec<u8>) {
    if output.capacity() > IDLE_BUFFER {
        // To shrink the memory would keep a page of it, if a long frame made the allocator map pages.
        *output = Vec::new();
    } else {
        output.clear();
    }
}

/// How large the write buffer of an idle connection may be: enough for short messages.
const IDLE_BUFFER: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_frame_leaves_no_write_buffer() {
        let mut output = Vec::with_capacity(IDLE_BUFFER);
        output.extend_from_slice(b"short");
        empty(&mut output);
        assert_eq!((output.len(), output.capacity()), (0, IDLE_BUFFER));

        output.resize(IDLE_BUFFER + 1, b'x');
        empty(&mut output);
        assert_eq!(output.capacity(), 0);
    }
}
