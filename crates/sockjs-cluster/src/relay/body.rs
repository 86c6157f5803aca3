use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use sockjs_axum::peers::RelayBody;

use crate::error::BoxError;

/// The body of a request to another node.
///
/// It goes on after the response has ended, until the client has taken the response.
#[derive(Debug)]
pub(super) struct RequestBody<S> {
    body: RelayBody,
    link: Arc<Link>,
    /// Counts the stream while it is open.
    _slot: S,
}

/// The body of the response of another node. If it is dropped before its end, the body of the request
/// fails.
#[derive(Debug)]
pub(super) struct AnswerBody<S> {
    body: Incoming,
    is_over: bool,
    cut: CutOnDrop,
    _slot: S,
}

pin_project! {
    /// The body of a request of another node.
    pub(super) struct CallBody<B, S> {
        #[pin]
        body: B,
        // How many bytes are still to come, if the head says so.
        left: Option<u64>,
        // Counts the request while it is open.
        _slot: S,
    }
}

/// What the two bodies of a relayed request know of each other.
#[derive(Debug, Default)]
pub(super) struct Link {
    is_cut: AtomicBool,
    waker: AtomicWaker,
}

/// Makes the body of the request fail, unless it is told to keep it.
#[derive(Debug)]
pub(super) struct CutOnDrop {
    link: Arc<Link>,
    is_kept: bool,
}

impl<S> RequestBody<S> {
    pub(super) fn new(body: RelayBody, slot: S) -> (Self, CutOnDrop) {
        let link = Arc::new(Link::default());
        let cut = CutOnDrop {
            link: link.clone(),
            is_kept: false,
        };
        let body = Self {
            body,
            link,
            _slot: slot,
        };
        (body, cut)
    }

    /// Takes the body of the client back out, because nothing was sent.
    pub(super) fn into_inner(self) -> RelayBody {
        self.body
    }
}

impl<S: Unpin> Body for RequestBody<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.link.waker.register(cx.waker());
        if self.link.is_cut.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(Cut.into())));
        }
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if !is_empty(&frame) {
                return Poll::Ready(frame.map(|it| it.map_err(Into::into)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl<S> AnswerBody<S> {
    pub(super) fn new(body: Incoming, mut cut: CutOnDrop, slot: S) -> Self {
        let is_over = is_complete(&body);
        cut.is_kept = is_over;
        Self {
            body,
            is_over,
            cut,
            _slot: slot,
        }
    }
}

impl<S: Unpin> Body for AnswerBody<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended_well = match &frame {
            Some(Ok(_)) => is_complete(&self.body),
            Some(Err(_)) => false,
            None => is_complete(&self.body),
        };
        self.is_over = ended_well || !matches!(frame, Some(Ok(_)));
        self.cut.is_kept = ended_well;
        Poll::Ready(match frame {
            Some(frame) => Some(frame.map_err(BoxError::from)),
            None if ended_well => None,
            // Hyper takes some resets for an end.
            None => Some(Err(BrokeOff.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B, S> CallBody<B, S> {
    /// The length is that of the head, whose signature covers it, but not the body.
    pub(super) fn new(body: B, length: Option<u64>, slot: S) -> Self {
        Self {
            body,
            left: length,
            _slot: slot,
        }
    }
}

impl<B, S> Body for CallBody<B, S>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if let (Some(left), Some(Ok(frame))) = (&mut *this.left, &frame) {
            let len = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(rest) = left.checked_sub(len) else {
                return Poll::Ready(Some(Err(BrokeOff.into())));
            };
            *left = rest;
        }
        Poll::Ready(match frame {
            Some(frame) => Some(frame.map_err(Into::into)),
            None if this.body.is_end_stream() && this.left.is_none_or(|left| left == 0) => None,
            // Hyper takes some resets for an end. The end of a body says that the client has the
            // response, so that a false one would leave a hole in a session.
            None => Some(Err(BrokeOff.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.left.is_none_or(|left| left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        if !self.is_kept {
            self.link.is_cut.store(true, Ordering::Release);
            self.link.waker.wake();
        }
    }
}

/// Whether all data of a response has arrived. HTTP/2 may tell that the stream has ended later than the
/// last byte of the length that the response has announced.
fn is_complete(body: &Incoming) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

/// Whether a frame has no data. HTTP/2 counts empty frames, and ends a connection that has too many.
pub(super) fn is_empty<E>(frame: &Option<Result<Frame<Bytes>, E>>) -> bool {
    let Some(Ok(frame)) = frame else { return false };
    frame.data_ref().is_some_and(Bytes::is_empty)
}

/// A body has no end: its stream was reset, its connection was closed, or it has another length than its head
/// says.
#[derive(Debug)]
pub(super) struct BrokeOff;

impl fmt::Display for BrokeOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a body between two nodes broke off")
    }
}

impl std::error::Error for BrokeOff {}

/// The response is no longer wanted.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client of the relayed request is lost")
    }
}

impl std::error::Error for Cut {}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::{Request, Response};
    use hyper::client::conn::http2;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::io::duplex;

    use super::*;

    /// Returns whether a response that ends in some way has ended well, and whether the body of its
    /// request was cut.
    async fn ends_well(end: impl Fn(&mut h2::SendStream<Bytes>) + Send + 'static) -> [bool; 2] {
        let (near, far) = duplex(1024);
        tokio::spawn(async move {
            let mut server = h2::server::handshake(far).await.unwrap();
            let (_request, mut respond) = server.accept().await.unwrap().unwrap();
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data("x".into(), false).unwrap();
            tokio::spawn(async move { while server.accept().await.is_some() {} });
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            end(&mut stream);
            std::future::pending::<()>().await;
        });
        let io = TokioIo::new(near);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("http://h/").body(String::from("body"));
        let response = sender.send_request(request.unwrap()).await.unwrap();
        let link = Arc::new(Link::default());
        let cut = CutOnDrop {
            link: link.clone(),
            is_kept: false,
        };
        let mut body = AnswerBody::new(response.into_body(), cut, ());
        let mut ended_well = true;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            ended_well = frame.is_ok();
        }
        drop(body);
        [ended_well, link.is_cut.load(Ordering::Relaxed)]
    }

    /// Hyper takes a reset with `NO_ERROR` for the end of a body.
    #[tokio::test(start_paused = true)]
    async fn reset_is_no_end() {
        let end = ends_well(|stream| stream.send_data(Bytes::new(), true).unwrap());
        assert_eq!(end.await, [true, false]);
        for reason in [h2::Reason::NO_ERROR, h2::Reason::CANCEL] {
            let end = ends_well(move |stream| stream.send_reset(reason));
            assert_eq!(end.await, [false, true], "{reason:?}");
        }
    }
}
