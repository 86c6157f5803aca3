use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A connection that breaks after a time without a byte from the other end.
///
/// Both ends ping, so a living one is never silent for so long. HTTP/2's own check of the answers to pings
/// is not enough: it ends a connection by a frame, which a connection that takes no bytes never sends.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    heard: Instant,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, limit: Duration) -> Self {
        Self {
            io,
            heard: Instant::now(),
            limit,
            timer: Box::pin(sleep(limit)),
        }
    }

    /// Is called when the connection has nothing for us, or takes nothing from us.
    fn check<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let end = self.heard + self.limit;
            if end <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // The timer is not moved at each read, but when it fires.
            self.timer.as_mut().reset(end);
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.heard = Instant::now();
                Poll::Ready(read)
            }
            Poll::Pending => self.check(cx),
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, buf) {
            Poll::Pending => self.check(cx),
            written => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Pending => self.check(cx),
            flushed => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_shutdown(cx) {
            Poll::Pending => self.check(cx),
            shut => shut,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write_vectored(cx, bufs) {
            Poll::Pending => self.check(cx),
            written => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(8);

    /// Limit: silence of a connection between two nodes.
    #[tokio::test(start_paused = true)]
    async fn silence_breaks_reads_and_writes() {
        let (mut peer, io) = duplex(4);
        let mut io = Watched::new(io, LIMIT);
        let start = Instant::now();
        tokio::time::sleep(Duration::from_secs(7)).await;
        peer.write_all(b"a").await.unwrap();
        assert_eq!(io.read_u8().await.unwrap(), b'a');
        let error = io.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 15);
        let error = io.write_all(b"12345").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_arrived_while_the_process_stood_are_read() {
        let (mut peer, io) = duplex(4);
        let mut io = Watched::new(io, LIMIT);
        peer.write_all(b"a").await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(io.read_u8().await.unwrap(), b'a');
    }
}
