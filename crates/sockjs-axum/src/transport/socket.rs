use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An upgraded connection with a write buffer, and counters of the bytes read and written.
///
/// Everything is written through the buffer: whole frames that are put into it, and what
/// tungstenite writes by itself, which are pongs and close frames. An idle connection keeps no
/// large buffer.
///
/// The counters distinguish a slow client from a stalled one, and show that a client is alive even
/// when only part of a frame has arrived.
#[derive(Debug)]
pub(super) struct Socket {
    io: TokioIo<Upgraded>,
    buffer: Vec<u8>,
    /// How many bytes of the buffer are written.
    taken: usize,
    max_write: usize,
    read: u64,
    written: u64,
}

impl Socket {
    /// Takes a connection that is given at most `max_write` bytes at a time.
    pub(super) fn new(upgraded: Upgraded, max_write: usize) -> Self {
        Self {
            io: TokioIo::new(upgraded),
            buffer: Vec::new(),
            taken: 0,
            max_write,
            read: 0,
            written: 0,
        }
    }

    /// Returns the write buffer, to append whole WebSocket frames to it. They are written by the
    /// next flush.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Returns how many bytes were read since the start.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Returns how many bytes were written since the start.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    fn poll_write_buffer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.buffer.len() {
            let rest = &self.buffer[self.taken..];
            let slice = &rest[..rest.len().min(self.max_write)];
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, slice))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += written;
            self.written += written as u64;
        }
        self.taken = 0;
        self.buffer.clear();
        self.buffer.shrink_to(IDLE_BUFFER);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.read += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    /// Takes all bytes or none, so that no frame begins within another one.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_write_buffer(cx))?;
        self.buffer.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_buffer(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_buffer(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// How large the write buffer of an idle connection may be: enough for short messages.
const IDLE_BUFFER: usize = 1024;
