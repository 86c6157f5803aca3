use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Buf;
use http::Version;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::request::Parts;
use http_body::Body;
use http_body_util::LengthLimitError;
use pin_project_lite::pin_project;

use crate::clock;
use crate::error::BoxError;
use crate::http::reject::Reject;

/// The rest of a request's body. It is empty when the body has ended, or when the rest is not needed.
///
/// An HTTP/1 server resets the connection of a request that is answered before its body has arrived.
/// The answer may be lost with the connection, and a proxy then takes the server for broken. Therefore
/// every body is read to its end, within bounds.
#[derive(Default)]
pub(crate) struct Upload(Option<Pin<Box<Arrival<dyn Source>>>>);

pin_project! {
    /// A body that is under way.
    struct Arrival<S: ?Sized> {
        declared: Option<u64>,
        early_answer: EarlyAnswer,
        // How many bytes have arrived.
        arrived: usize,
        // Since when the body is waited for; `None` if it was there so far.
        since: Option<Instant>,
        #[pin]
        source: S,
    }
}

/// What an answer does while a part of the body has not arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum EarlyAnswer {
    /// The connection is reset, and the answer may be lost.
    Loses,
    /// The client is spared the body: it waits for `100 Continue`, which the first read sends.
    Spares,
    /// HTTP/2 answers early without harm to other streams.
    Works,
}

impl Upload {
    pub(crate) fn new<B>(parts: &Parts, body: B) -> Self
    where
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        if body.is_end_stream() {
            return Self(None);
        }
        let early_answer = if parts.version >= Version::HTTP_2 {
            EarlyAnswer::Works
        } else if parts.version == Version::HTTP_11 && parts.headers.contains_key(EXPECT) {
            EarlyAnswer::Spares
        } else {
            EarlyAnswer::Loses
        };
        Self(Some(Box::pin(Arrival {
            declared: declared_len(parts),
            early_answer,
            arrived: 0,
            since: None,
            source: body,
        })))
    }

    /// Returns how long the body is, if it is under way and the request says so.
    pub(super) fn declared_len(&self) -> Option<u64> {
        self.0.as_ref()?.declared
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_none()
    }

    /// Gives up what is left of the body.
    pub(crate) fn abandon(&mut self) {
        self.0 = None;
    }

    /// Reads the next part of the body, and returns its length; `None` at the end of the body.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<usize, Reject>>> {
        let Some(arrival) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let mut arrival = arrival.as_mut().project();
        if *arrival.early_answer == EarlyAnswer::Spares {
            *arrival.early_answer = EarlyAnswer::Loses;
        }
        let mut len = 0;
        let part = arrival.source.as_mut().poll_part(cx, &mut |bytes| {
            len += bytes.len();
            take(bytes);
        });
        let Poll::Ready(part) = part else {
            arrival.since.get_or_insert_with(clock::now);
            return Poll::Pending;
        };
        *arrival.arrived += len;
        if !matches!(part, Some(Ok(()))) || arrival.source.is_at_end() {
            self.abandon();
        }
        Poll::Ready(part.map(|part| match part {
            Ok(()) => Ok(len),
            Err(error) => Err(reject(&*error)),
        }))
    }

    /// Reads the body and throws it away. Fails if it breaks off, or is longer than `limit`.
    pub(super) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<Result<(), Reject>> {
        while let Some(part) = ready!(self.poll_read(cx, &mut |_| {})) {
            part?;
            if self
                .0
                .as_ref()
                .is_some_and(|arrival| arrival.arrived > limit)
            {
                return Poll::Ready(Err(Reject::BodyTooLarge));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and discards the rest of a body before its request is answered. If a bound is reached,
    /// reading stops, and the HTTP server closes the connection after the answer.
    pub(crate) async fn discard(&mut self, bounds: Bounds) {
        let Bounds {
            bytes,
            total,
            pause,
        } = bounds;
        let Some(arrival) = &self.0 else {
            return;
        };
        let is_too_long = arrival.declared.is_some_and(|len| len > bytes as u64);
        if arrival.early_answer != EarlyAnswer::Loses || is_too_long {
            self.abandon();
            return;
        }
        let now = clock::now();
        let since = arrival.since.unwrap_or(now);
        let end = deadline(since, total).max(deadline(now, pause));
        while self
            .0
            .as_ref()
            .is_some_and(|arrival| arrival.arrived <= bytes)
        {
            let until = end.min(deadline(clock::now(), pause));
            let part = poll_fn(|cx| self.poll_read(cx, &mut |_| {}));
            let part = tokio::time::timeout_at(until.into(), part).await;
            let Ok(Some(Ok(_))) = part else {
                break;
            };
        }
        self.abandon();
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = self.0.as_ref().map(|arrival| arrival.arrived);
        f.debug_tuple("Upload").field(&arrived).finish()
    }
}

/// How much of a body is thrown away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long the whole body may be.
    pub(crate) bytes: usize,
    /// How long the whole body may take.
    pub(crate) total: Duration,
    /// How long nothing may arrive.
    pub(crate) pause: Duration,
}

/// The time that a body has to arrive. It grows with the bytes that arrive, by a rate that is slow
/// for any link. So the time for a long body is longer, and a trickle is not for ever.
#[derive(Debug)]
pub(super) struct Deadline<'a> {
    timeout: &'a Duration,
    /// When the time is over; `None` until the body has to be waited for. The clock is not read
    /// before.
    end: Option<Instant>,
}

impl<'a> Deadline<'a> {
    pub(super) fn new(timeout: &'a Duration) -> Self {
        Self { timeout, end: None }
    }

    /// Puts the deadline off, because so many bytes have arrived.
    pub(super) fn handle_arrived(&mut self, bytes: usize) {
        if let Some(end) = &mut self.end {
            let earned = Duration::from_secs(bytes as u64) / LEAST_RATE;
            *end = deadline(*end, earned);
        }
    }

    /// Waits for the server itself, and puts the deadline off for as long.
    pub(super) async fn suspend<F: Future>(&mut self, wait: F) -> F::Output {
        let suspended = clock::now();
        let output = wait.await;
        if let Some(end) = &mut self.end {
            *end = deadline(*end, clock::now() - suspended);
        }
        output
    }

    /// Waits for the next part of the body.
    pub(super) async fn limit<F>(&mut self, mut part: F) -> Result<F::Output, Reject>
    where
        F: Future + Unpin,
    {
        let ready = poll_fn(|cx| Poll::Ready(Pin::new(&mut part).poll(cx))).await;
        if let Poll::Ready(part) = ready {
            return Ok(part);
        }
        // Boxed, because most bodies are there when they are read, and need no timer.
        let part = Box::pin(tokio::time::timeout_at(self.end().into(), &mut part)).await;
        part.map_err(|_| Reject::SlowBody)
    }

    fn end(&mut self) -> Instant {
        *self
            .end
            .get_or_insert_with(|| deadline(clock::now(), *self.timeout))
    }
}

/// A body of any type.
trait Source: Send {
    fn poll_part(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), BoxError>>>;

    fn is_at_end(&self) -> bool;
}

impl<B> Source for B
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send,
{
    fn poll_part(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), BoxError>>> {
        let frame = match ready!(self.poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        if let Ok(mut data) = frame.into_data() {
            while data.has_remaining() {
                let chunk = data.chunk();
                take(chunk);
                let len = chunk.len();
                data.advance(len);
            }
        }
        Poll::Ready(Some(Ok(())))
    }

    fn is_at_end(&self) -> bool {
        self.is_end_stream()
    }
}

/// Distinguishes a body that breaks off from one that another layer finds too long.
fn reject(error: &(dyn Error + 'static)) -> Reject {
    let mut source = Some(error);
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return Reject::BodyTooLarge;
        }
        source = error.source();
    }
    Reject::BrokenBody
}

fn declared_len(parts: &Parts) -> Option<u64> {
    let len = parts.headers.get(CONTENT_LENGTH)?;
    len.to_str().ok()?.parse().ok()
}

/// Adds a delay to an instant, without an overflow.
fn deadline(start: Instant, delay: Duration) -> Instant {
    start.checked_add(delay.min(CENTURY)).unwrap_or(start)
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How many bytes move the deadline of a body by one second.
const LEAST_RATE: u32 = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_grows_with_the_bytes_and_never_overflows() {
        let timeout = Duration::from_secs(30);
        let mut pace = Deadline::new(&timeout);
        let start = pace.end();
        pace.handle_arrived(1);
        assert!(pace.end() - start < Duration::from_millis(1));
        pace.handle_arrived(LEAST_RATE as usize - 1);
        let second = pace.end() - start;
        assert!(second.abs_diff(Duration::from_secs(1)) < Duration::from_micros(1));

        let mut never = Deadline::new(&Duration::MAX);
        never.end();
        never.handle_arrived(usize::MAX);
        assert!(never.end() > start + Duration::from_secs(1_000_000_000));
    }
}
