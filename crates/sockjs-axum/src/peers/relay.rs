use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body::{Body, Frame};
use sockjs_core::Endpoint;
use tokio::sync::mpsc;

use super::PeerFuture;
use crate::error::BoxError;

/// The key of a session in the directory of a cluster: a digest of the mount and the session id.
///
/// The session id, which is a secret, cannot be computed from it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey(
    /// The bytes of the digest.
    pub [u8; 16],
);

/// Leaves the key out, because a log could otherwise tell which requests are of the same session.
impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

/// Another node, which owns a session.
pub trait Peer: Send + Sync {
    /// Has the other node answer a request. The mount never makes the same request again.
    ///
    /// The response comes when the other node has its head. The future and the response's body must fail
    /// within 15 s of the other node's silence, so that the client is told.
    ///
    /// # Errors
    ///
    /// If the other node cannot answer.
    ///
    /// # Cancel safety
    ///
    /// If the future or the response's body is dropped before its end, the other node must see that the
    /// request's body fails.
    fn relay(&self, request: RelayRequest)
    -> PeerFuture<'_, Result<Response<PeerBody>, PeerError>>;
}

/// Why another node did not answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The node that owned the session is dead, and the session with it.
    #[error("the node that owned the session is gone")]
    Lost,
    /// The node cannot be reached, or does not answer. The session may still be there.
    #[error("the node that owns the session cannot be reached")]
    Unreachable,
}

/// The body of a message between nodes.
pub type PeerBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// A client's request for a session of another node.
#[derive(Debug)]
#[non_exhaustive]
pub struct RelayRequest {
    /// What the request is.
    pub head: RelayHead,
    /// Its body.
    pub body: RelayBody,
}

impl RelayRequest {
    pub(crate) fn new(head: RelayHead, body: RelayBody) -> Self {
        Self { head, body }
    }
}

/// The parts of a client's request that its session needs.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RelayHead {
    /// What the URL asks for: a receive or a send request of an HTTP transport.
    pub endpoint: Endpoint,
    /// The session that the request is for.
    pub session: SessionKey,
    /// The query of the URL, which has the callback of `jsonp` and `htmlfile`.
    pub query: Option<String>,
    /// The header `Content-Type`.
    pub content_type: Option<HeaderValue>,
    /// The header `Content-Length`.
    pub content_length: Option<u64>,
    /// The digest of the key of [`bind_session`](crate::SockJsLayer::bind_session) for the request.
    pub bound_to: Option<[u8; 16]>,
    /// The address of the client, as the node sees it that has the client's connection.
    pub remote_addr: Option<SocketAddr>,
}

impl RelayHead {
    /// Makes the head of a request that has only an endpoint and a session.
    pub fn new(endpoint: Endpoint, session: SessionKey) -> Self {
        Self {
            endpoint,
            session,
            query: None,
            content_type: None,
            content_length: None,
            bound_to: None,
            remote_addr: None,
        }
    }
}

/// The body of a request that is relayed.
///
/// The body of a send request is the client's. The body of a receive request has no data of the client:
///
/// - It ends when the connection of the client has taken the response whole. Only then the session may
///   be sure that the client has it.
/// - One byte in it asks the owner to end the response soon without loss, because the node of the client
///   is about to leave.
/// - It fails when the client is lost.
#[derive(Debug)]
pub struct RelayBody {
    parts: mpsc::Receiver<Part>,
    /// A part that was taken together with the one before it.
    next: Option<Part>,
    is_over: bool,
}

/// What the relaying side puts into a [`RelayBody`].
#[derive(Debug)]
pub(crate) enum Part {
    /// Boxed, because a channel reserves space for 32 of them, and hardly needs it for two.
    Data(Box<Bytes>),
    /// The body is complete. A sender that is dropped without it has lost its client.
    End,
}

impl Part {
    /// Asks the owner to end the response soon. See [`RelayBody`].
    pub(crate) fn finish() -> Self {
        Self::Data(Box::new(Bytes::from_static(b".")))
    }
}

/// Makes a body and its other end. Two parts may wait in it.
pub(crate) fn relay_body() -> (mpsc::Sender<Part>, RelayBody) {
    let (sender, parts) = mpsc::channel(2);
    let body = RelayBody {
        parts,
        next: None,
        is_over: false,
    };
    (sender, body)
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = RelayEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayEnded>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let part = match self.next.take() {
            Some(part) => Some(part),
            None => ready!(self.parts.poll_recv(cx)),
        };
        let data = match part {
            Some(Part::Data(data)) => data,
            Some(Part::End) | None => {
                self.is_over = true;
                return Poll::Ready(part.is_none().then_some(Err(RelayEnded(()))));
            }
        };
        // An end that is known by now leaves with the data, and not in a frame of its own.
        self.next = self.parts.try_recv().ok();
        self.is_over = matches!(self.next, Some(Part::End));
        Poll::Ready(Some(Ok(Frame::data(*data))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

/// The client of a relayed request is lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the client of the relayed request is lost")]
pub struct RelayEnded(());

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::poll_fn;

    use super::*;

    fn next(body: &mut RelayBody) -> Option<Option<Result<Bytes, RelayEnded>>> {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).now_or_never()?;
        Some(frame.map(|frame| frame.map(|frame| frame.into_data().unwrap())))
    }

    fn data(bytes: &'static [u8]) -> Part {
        Part::Data(Box::new(Bytes::from_static(bytes)))
    }

    #[test]
    fn end_that_is_known_leaves_with_the_data() {
        let (sender, mut body) = relay_body();
        sender.try_send(data(b"a")).unwrap();
        sender.try_send(Part::End).unwrap();
        assert_eq!(next(&mut body), Some(Some(Ok(Bytes::from_static(b"a")))));
        assert!(body.is_end_stream());
        assert_eq!(next(&mut body), Some(None));
    }

    #[test]
    fn parts_keep_their_order_and_a_body_without_an_end_fails() {
        let (sender, mut body) = relay_body();
        sender.try_send(data(b"a")).unwrap();
        sender.try_send(data(b"b")).unwrap();
        assert_eq!(next(&mut body), Some(Some(Ok(Bytes::from_static(b"a")))));
        sender.try_send(data(b"c")).unwrap();
        assert_eq!(next(&mut body), Some(Some(Ok(Bytes::from_static(b"b")))));
        assert_eq!(next(&mut body), Some(Some(Ok(Bytes::from_static(b"c")))));
        assert_eq!(next(&mut body), None);
        drop(sender);
        assert!(!body.is_end_stream());
        assert_eq!(next(&mut body), Some(Some(Err(RelayEnded(())))));
    }
}
