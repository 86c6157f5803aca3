use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use sockjs_axum::peers::{PeerBody, PeerMount};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Instrument;

use super::body::{CallBody, is_empty};
use super::head::Call;
use super::newcomers::Newcomer;
use super::reply::{Outcome, keep_relayed};
use super::window::{Arrivals, is_timely};
use crate::clock;
use crate::error::BoxError;
use crate::meter;
use crate::secret::{Key, Secrets, Tag};
use crate::store::NodeId;
use crate::throttle::Throttle;

/// Answers what other nodes relay.
pub(crate) struct Desk {
    me: NodeId,
    secrets: Arc<Secrets>,
    arrivals: Arrivals,
    mounts: Mutex<HashMap<Arc<str>, PeerMount>>,
    /// How many requests are being answered. Watchers hear of the first one and of the end of the last one.
    open: watch::Sender<usize>,
    throttle: Throttle,
}

impl Desk {
    pub(crate) fn new(me: NodeId, secrets: Arc<Secrets>) -> Self {
        Self {
            me,
            secrets,
            arrivals: Arrivals::default(),
            mounts: Mutex::default(),
            open: watch::Sender::new(0),
            throttle: Throttle::default(),
        }
    }

    pub(crate) fn mounted(&self, name: Arc<str>, mount: PeerMount) {
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.insert(name, mount);
    }

    pub(crate) fn mount(&self, name: &str) -> Option<PeerMount> {
        let mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.get(name).cloned()
    }

    /// Waits until no request has been there for a while.
    pub(crate) async fn quiet(&self, period: Duration) {
        let mut open = self.open.subscribe();
        loop {
            // The sender is in `self`.
            let _ = open.wait_for(|open| *open == 0).await;
            if timeout(period, open.changed()).await.is_err() {
                return;
            }
        }
    }

    pub(super) async fn answer<B>(
        self: Arc<Self>,
        request: Request<B>,
        newcomer: Option<Arc<Newcomer>>,
    ) -> Response<PeerBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let verified = Call::read(&parts).and_then(|it| it.verify(self.secrets.relay()));
        let Some((call, tag, key)) = verified else {
            if self.throttle.passes("unsigned") {
                tracing::warn!("a request without the cluster's signature was refused");
            }
            meter::answered("", "unsigned");
            if let Some(newcomer) = newcomer {
                newcomer.refuse();
            }
            return empty(StatusCode::FORBIDDEN);
        };
        if let Some(newcomer) = newcomer {
            newcomer.prove();
        }
        let mount = self.mount(&call.mount);
        let outcome = match &mount {
            _ if call.to != self.me => Outcome::Gone,
            _ if !is_timely(call.sent_at, clock::millis()) => Outcome::Untimely,
            _ if !self.is_first(&call) => Outcome::Repeated,
            None => Outcome::NoMount,
            Some(_) => Outcome::Answered,
        };
        let known = if mount.is_some() { &*call.mount } else { "" };
        meter::answered(known, outcome.as_str());
        let Some(mount) = mount.filter(|_| outcome == Outcome::Answered) else {
            if outcome != Outcome::Gone && self.throttle.passes(outcome.as_str()) {
                tracing::warn!(reason = outcome.as_str(), "a relayed request was refused");
            }
            return refuse(outcome, &tag, key);
        };
        let guard = Arc::new(Guard::new(self.open.clone()));
        let body = CallBody::new(body, call.head.content_length, guard.clone());
        let endpoint = call.head.endpoint;
        let span = tracing::debug_span!("answer", mount = &*call.mount, ?endpoint);
        let answer = mount.answer(call.head, Box::pin(body));
        let answer = answer.instrument(span.clone()).await;
        tracing::trace!(parent: &span, status = answer.status().as_u16(), "request answered");
        reply(answer, &tag, key, guard)
    }

    fn is_first(&self, call: &Call) -> bool {
        let now = clock::millis();
        self.arrivals
            .take(call.from, call.number, call.sent_at, now)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

fn reply(
    answer: Response<PeerBody>,
    tag: &Tag,
    key: &Key,
    guard: Arc<Guard>,
) -> Response<PeerBody> {
    let (mut parts, body) = answer.into_parts();
    keep_relayed(&mut parts.headers);
    let (name, value) = Outcome::Answered.sign(tag, parts.status, key);
    parts.headers.insert(name, value);
    let body: PeerBody = Box::pin(ReplyBody {
        body,
        _guard: guard,
    });
    Response::from_parts(parts, body)
}

fn refuse(outcome: Outcome, tag: &Tag, key: &Key) -> Response<PeerBody> {
    let status = match outcome {
        Outcome::Gone => StatusCode::MISDIRECTED_REQUEST,
        _ => StatusCode::CONFLICT,
    };
    let mut response = empty(status);
    let (name, value) = outcome.sign(tag, status, key);
    response.headers_mut().insert(name, value);
    response
}

fn empty(status: StatusCode) -> Response<PeerBody> {
    let body: PeerBody = Box::pin(Nothing);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Answers relayed requests: [`Cluster::service`](crate::Cluster::service).
#[derive(Clone, Debug)]
pub struct RelayService {
    desk: Arc<Desk>,
}

impl RelayService {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }
}

impl<B> tower_service::Service<Request<B>> for RelayService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<PeerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.desk.clone().answer(request, None);
        Box::pin(async move { Ok(answer.await) })
    }
}

/// Counts a request while a body of it is there.
struct Guard(watch::Sender<usize>);

impl Guard {
    fn new(open: watch::Sender<usize>) -> Self {
        open.send_if_modified(|open| {
            *open += 1;
            *open == 1
        });
        Self(open)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_if_modified(|open| {
            *open -= 1;
            *open == 0
        });
    }
}

struct ReplyBody {
    body: PeerBody,
    _guard: Arc<Guard>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let frame = ready!(self.body.as_mut().poll_frame(cx));
            if !is_empty(&frame) {
                return Poll::Ready(frame);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use sockjs_axum::peers::{RelayHead, SessionKey};
    use sockjs_core::Endpoint;

    use super::*;
    use crate::relay::head::VERSION;
    use crate::store::Entry;

    const ME: NodeId = NodeId([2; 16]);

    fn secrets(secret: &[u8]) -> Arc<Secrets> {
        Arc::new(Secrets::new("app", &[secret.to_vec()], secret))
    }

    fn call() -> Call {
        Call {
            mount: "chat".to_owned(),
            head: RelayHead::new(Endpoint::Xhr, SessionKey([3; 16])),
            from: NodeId([1; 16]),
            to: ME,
            sent_at: clock::millis(),
            number: 1,
        }
    }

    /// Returns the status of the response, and what its signature says.
    async fn ask(desk: &Arc<Desk>, call: &Call) -> (StatusCode, Option<Outcome>) {
        let secrets = secrets(b"one");
        let owner = Entry {
            version: VERSION,
            node: call.to,
            addr: "127.0.0.1:1".parse().unwrap(),
        };
        let key = &secrets.relay()[0];
        let (request, tag) = call.write(&owner, key).unwrap();
        let request = request.map(|()| Nothing);
        let response = desk.clone().answer(request, None).await;
        let outcome = Outcome::verify(&tag, response.status(), response.headers(), key);
        (response.status(), outcome)
    }

    #[tokio::test]
    async fn call_is_taken_once() {
        let desk = Arc::new(Desk::new(ME, secrets(b"one")));
        let call = call();
        assert_eq!(ask(&desk, &call).await.1, Some(Outcome::NoMount));
        assert_eq!(ask(&desk, &call).await.1, Some(Outcome::Repeated));
        let next = Call { number: 2, ..call };
        assert_eq!(ask(&desk, &next).await.1, Some(Outcome::NoMount));
    }

    /// Limit: difference of the clocks of two nodes.
    #[tokio::test]
    async fn call_for_another_node_and_old_call_are_refused() {
        let desk = Arc::new(Desk::new(ME, secrets(b"one")));
        let other = Call {
            to: NodeId([9; 16]),
            ..call()
        };
        assert_eq!(ask(&desk, &other).await.1, Some(Outcome::Gone));
        for sent_at in [clock::millis() - 31_000, clock::millis() + 31_000] {
            let old = Call { sent_at, ..call() };
            assert_eq!(ask(&desk, &old).await.1, Some(Outcome::Untimely));
        }
    }

    #[tokio::test]
    async fn unsigned_call_is_told_nothing() {
        let desk = Arc::new(Desk::new(ME, secrets(b"two")));
        let other = Call {
            to: NodeId([9; 16]),
            ..call()
        };
        for call in [call(), other] {
            assert_eq!(ask(&desk, &call).await, (StatusCode::FORBIDDEN, None));
        }
    }
}
