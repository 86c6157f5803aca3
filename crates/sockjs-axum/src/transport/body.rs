use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::SizeHint;

use super::answer::Answer;
use super::beside::Accompanied;
use super::relay::Relay;
use super::stream::Stream;
use super::upload::Upload;
use crate::mount::Relayed;

/// The body of a response made here.
#[derive(Debug)]
pub(crate) enum OwnBody {
    Whole(Bytes),
    Answer(Answer),
    Stream(Stream),
    /// Boxed, because nearly every request has its body complete when it arrives.
    Accompanied(Box<Accompanied>),
    /// Boxed, because few mounts have other nodes.
    Relayed(Box<Relay>),
}

impl OwnBody {
    /// Reads what is left of the request's body beside a stream. The body may have `limit` bytes.
    pub(crate) fn beside(self, upload: &mut Upload, limit: usize) -> Self {
        match self {
            Self::Stream(stream) if !upload.is_at_end() => {
                let upload = mem::take(upload);
                Self::Accompanied(Box::new(Accompanied::new(stream, upload, limit)))
            }
            own => own,
        }
    }

    /// Makes the response of a request that another node has answered.
    pub(super) fn relayed(relayed: Relayed) -> Response<Self> {
        let relay = |body| Self::Relayed(Box::new(Relay::new(body)));
        relayed.response.map(relay)
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(mem::take(bytes))),
            Self::Answer(answer) => Poll::Ready(answer.next_slice()),
            Self::Stream(stream) => stream.poll_data(cx),
            Self::Accompanied(stream) => stream.poll_data(cx),
            Self::Relayed(relay) => relay.poll_data(cx),
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Answer(answer) => answer.left() == 0,
            Self::Stream(stream) => stream.is_done(),
            Self::Accompanied(stream) => stream.is_done(),
            Self::Relayed(relay) => relay.is_done(),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Answer(answer) => SizeHint::with_exact(answer.left() as u64),
            Self::Stream(_) | Self::Accompanied(_) => SizeHint::default(),
            Self::Relayed(relay) => relay.size_hint(),
        }
    }
}

impl From<Bytes> for OwnBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}
