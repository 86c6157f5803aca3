use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::SizeHint;

use super::answer::Answer;
use super::stream::Stream;

/// The body of a response made here.
#[derive(Debug)]
pub(crate) enum OwnBody {
    Whole(Bytes),
    Answer(Answer),
    Stream(Stream),
}

impl OwnBody {
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(mem::take(bytes))),
            Self::Answer(answer) => Poll::Ready(answer.next_slice()),
            Self::Stream(stream) => stream.poll_data(cx),
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Answer(answer) => answer.left() == 0,
            Self::Stream(stream) => stream.is_done(),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Answer(answer) => SizeHint::with_exact(answer.left() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl From<Bytes> for OwnBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}
