use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use pin_project_lite::pin_project;

use super::stream::Stream;
use super::upload::Upload;
use crate::http::reject::{Refusal, Reject};

pin_project! {
    /// The answer to a request whose body nobody needs. The body is read and thrown away beside the
    /// answer: otherwise a server over HTTP/1 could neither keep the connection, nor notice before
    /// the answer that the client is gone.
    pub(crate) struct Beside<'a, F> {
        upload: &'a mut Upload,
        limit: usize,
        #[pin]
        answer: F,
    }
}

impl<'a, F> Beside<'a, F> {
    /// The body may have `limit` bytes.
    pub(crate) fn new(upload: &'a mut Upload, limit: usize, answer: F) -> Self {
        Self {
            upload,
            limit,
            answer,
        }
    }
}

impl<T, F> Future for Beside<'_, F>
where
    F: Future<Output = Result<T, Refusal>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let declared = this.upload.declared_len();
        if declared.is_some_and(|len| len > *this.limit as u64) {
            return Poll::Ready(Err(Reject::BodyTooLarge.into()));
        }
        if let Poll::Ready(Err(reject)) = this.upload.poll_discard(cx, *this.limit) {
            return Poll::Ready(Err(reject.into()));
        }
        this.answer.poll(cx)
    }
}

/// A streaming response that is sent while the body of its request is still under way.
#[derive(Debug)]
pub(crate) struct Accompanied {
    upload: Upload,
    limit: usize,
    /// `None` once the body is broken or too long.
    stream: Option<Stream>,
}

impl Accompanied {
    pub(super) fn new(stream: Stream, upload: Upload, limit: usize) -> Self {
        Self {
            upload,
            limit,
            stream: Some(stream),
        }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Poll::Ready(Err(_)) = self.upload.poll_discard(cx, self.limit) {
            // The client is gone, or as good as gone.
            self.stream = None;
        }
        match &mut self.stream {
            Some(stream) => stream.poll_data(cx),
            None => Poll::Ready(None),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stream.as_ref().is_none_or(Stream::is_done)
    }
}
