use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Response};
use http_body::{Body, SizeHint};
use sockjs_core::Endpoint;
use tokio::sync::mpsc;

use super::nodes::{Nodes, session_key};
use super::relays::RelayId;
use crate::peers::{Part, Peer, PeerBody, PeerError, RelayHead, RelayRequest, relay_body};
use crate::session::{Digest, Key, remote_addr};

/// Another node, which owns the session that a request is for.
pub(crate) struct Remote {
    nodes: Arc<Nodes>,
    peer: Arc<dyn Peer>,
    head: RelayHead,
}

impl Remote {
    pub(super) fn new(
        nodes: &Arc<Nodes>,
        peer: Arc<dyn Peer>,
        endpoint: Endpoint,
        key: Key,
        bound_to: Option<Digest>,
        parts: &Parts,
    ) -> Self {
        let mut head = RelayHead::new(endpoint, session_key(key));
        head.query = parts.uri.query().map(str::to_owned);
        // The body of a receive request is discarded on this node.
        if let Endpoint::XhrSend | Endpoint::JsonpSend = endpoint {
            head.content_type = parts.headers.get(CONTENT_TYPE).cloned();
            head.content_length = parts.headers.get(CONTENT_LENGTH).and_then(parse);
        }
        head.bound_to = bound_to.map(Digest::to_bytes);
        head.remote_addr = remote_addr(parts);
        Self {
            nodes: nodes.clone(),
            peer,
            head,
        }
    }

    /// Has the owner answer a receive request.
    pub(super) async fn receive(self) -> Result<Relayed, PeerError> {
        let (sender, body) = relay_body();
        // Entered at once, because a poll waits for the head of its response.
        let lifeline = Lifeline::new(self.nodes, sender);
        let response = self.peer.relay(RelayRequest::new(self.head, body)).await?;
        Ok(Relayed::new(response, Stake::Receive(lifeline)))
    }

    /// Has the owner answer a send request. `poll_read` reads the next part of its body.
    ///
    /// Stops reading when the owner has answered.
    ///
    /// # Errors
    ///
    /// The outer error is that of `poll_read`.
    pub(crate) async fn send<E>(
        self,
        mut poll_read: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, E>>>,
    ) -> Result<Result<Relayed, PeerError>, E> {
        let (sender, body) = relay_body();
        let mut answer = pin!(self.peer.relay(RelayRequest::new(self.head, body)));
        let stake = Stake::Request(sender.clone());
        let mut pump = pin!(async {
            while let Some(part) = poll_fn(&mut poll_read).await {
                if sender.send(Part::Data(Box::new(part?))).await.is_err() {
                    break;
                }
            }
            let _ = sender.send(Part::End).await;
            Ok(())
        });
        let mut is_read = false;
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            if !is_read {
                ready!(pump.as_mut().poll(cx))?;
                is_read = true;
            }
            Poll::Pending
        });
        let answer = answer.await?;
        Ok(answer.map(|response| Relayed::new(response, stake)))
    }
}

/// The response of another node.
#[derive(Debug)]
pub(crate) struct Relayed {
    pub(crate) response: Response<RelayedBody>,
}

impl Relayed {
    fn new(response: Response<PeerBody>, stake: Stake) -> Self {
        let (head, body) = response.into_parts();
        let mut headers = head.headers;
        let length = headers.get(CONTENT_LENGTH).and_then(parse);
        let kept = [CONTENT_TYPE, RETRY_AFTER].map(|it| {
            let value = headers.remove(&it);
            (it, value)
        });
        // The map is used again for the two headers that are kept.
        headers.clear();
        for (name, value) in kept {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        let mut relayed = Response::new(RelayedBody {
            body: Some(body),
            left: length,
            stake: Some(stake),
        });
        *relayed.status_mut() = head.status;
        *relayed.headers_mut() = headers;
        Self { response: relayed }
    }

    /// Returns whether the session took the request.
    pub(crate) fn is_success(&self) -> bool {
        self.response.status().is_success()
    }
}

/// The body of another node's response.
pub(crate) struct RelayedBody {
    /// `None` when it is over.
    body: Option<PeerBody>,
    /// How many bytes are to come, if the owner has said so.
    left: Option<u64>,
    stake: Option<Stake>,
}

/// What must live as long as the body of a response.
enum Stake {
    /// Of a receive request.
    Receive(Lifeline),
    /// Of a send request, whose body may still be under way when the answer comes. If the body failed
    /// then, the answer would be lost.
    Request(#[expect(dead_code, reason = "it is dropped")] mpsc::Sender<Part>),
}

/// A body broke off before its end, because its node is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl RelayedBody {
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            let frame = ready!(body.as_mut().poll_frame(cx));
            let data = match frame {
                None if self.left.is_none_or(|left| left == 0) => {
                    self.end();
                    return Poll::Ready(None);
                }
                None | Some(Err(_)) => {
                    // Without the end that confirms the delivery.
                    self.body = None;
                    self.stake = None;
                    return Poll::Ready(Some(Err(Broken)));
                }
                Some(Ok(frame)) => frame.into_data(),
            };
            // There are no trailers.
            let Ok(data) = data else { continue };
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(data.len() as u64);
            }
            // A body that ends before its length is broken.
            if self.left.map_or(body.is_end_stream(), |left| left == 0) {
                self.end();
            }
            return Poll::Ready(Some(Ok(data)));
        }
    }

    fn end(&mut self) {
        self.body = None;
        if let Some(Stake::Receive(lifeline)) = &mut self.stake {
            lifeline.is_delivered = true;
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.body {
            Some(body) => self.left.map_or(body.is_end_stream(), |left| left == 0),
            None => true,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

impl fmt::Debug for RelayedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayedBody").finish_non_exhaustive()
    }
}

/// Tells the owner of a session what becomes of a response: that the connection of the client has taken
/// it, or that the client is lost.
struct Lifeline {
    nodes: Arc<Nodes>,
    sender: mpsc::Sender<Part>,
    id: RelayId,
    is_delivered: bool,
}

impl Lifeline {
    fn new(nodes: Arc<Nodes>, sender: mpsc::Sender<Part>) -> Self {
        let id = nodes.relays().enter(sender.clone());
        Self {
            nodes,
            sender,
            id,
            is_delivered: false,
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        if self.is_delivered {
            // There is room for the end and for one byte before it.
            let _ = self.sender.try_send(Part::End);
        }
        // Last, because a shutdown ends when no request is left.
        self.nodes.relays().leave(self.id);
    }
}

fn parse(length: &HeaderValue) -> Option<u64> {
    length.to_str().ok()?.parse().ok()
}
