//! How a mount answers for its sessions to the other nodes of its cluster.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use sockjs_core::Endpoint;

use crate::error::BoxError;
use crate::http::reject::{Refusal, Reject};
use crate::meter;
use crate::mount::{FromPeer, Mount, Opener, Settling, Wanted};
use crate::peers::{Owner, PeerBody, PeerFuture, Publication, RelayHead, SessionKey};
use crate::session::Credentials;
use crate::transport::{self, OwnBody, Upload};

/// A mount, for the other nodes. It does not keep the mount alive.
pub(crate) struct MountOwner(Weak<Mount>);

impl MountOwner {
    pub(crate) fn new(mount: &Arc<Mount>) -> Self {
        Self(Arc::downgrade(mount))
    }
}

impl Owner for MountOwner {
    fn answer(&self, head: RelayHead, body: PeerBody) -> PeerFuture<'static, Response<PeerBody>> {
        let mount = self.0.upgrade();
        Box::pin(async move {
            match mount {
                Some(mount) => answer(&mount, head, body).await,
                None => {
                    let mut gone = Response::new(boxed(OwnBody::from(Bytes::new())));
                    *gone.status_mut() = StatusCode::NOT_FOUND;
                    gone
                }
            }
        })
    }

    fn lose(&self, session: SessionKey) {
        if let Some(mount) = self.0.upgrade() {
            mount.lose(session);
        }
    }

    fn deliver(&self, publication: &Publication) {
        if let Some(mount) = self.0.upgrade() {
            mount.deliver(publication);
        }
    }

    fn has_members(&self, topic: &str) -> bool {
        let mount = self.0.upgrade();
        mount.is_some_and(|mount| mount.has_members(topic))
    }
}

async fn answer(mount: &Mount, head: RelayHead, body: PeerBody) -> Response<PeerBody> {
    let parts = parts(&head);
    let request = FromPeer {
        head,
        settling: OnceLock::new(),
    };
    let answer = match request.head.endpoint {
        Endpoint::XhrSend | Endpoint::JsonpSend => {
            let answer = send(mount, &parts, &request, body).await;
            answer.map(|response| response.map(boxed))
        }
        _ => receive(mount, parts, request, body).await,
    };
    let mut response = answer.unwrap_or_else(|refusal| {
        meter::refused(mount.prefix(), refusal.reason());
        let response = refusal.into_response(mount.warnings());
        response.map(|body| boxed(OwnBody::from(body)))
    });
    if let Some(len) = response.body().size_hint().exact() {
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    response
}

async fn send(
    mount: &Mount,
    parts: &Parts,
    request: &FromPeer,
    body: PeerBody,
) -> Result<Response<OwnBody>, Refusal> {
    // The other node reads the rest of the body from its client.
    let mut upload = Upload::new(parts, body);
    let wanted = &Wanted::Peer(request);
    match request.head.endpoint {
        Endpoint::JsonpSend => transport::jsonp_send(mount, parts, &mut upload, wanted).await,
        _ => transport::xhr_send(mount, parts, &mut upload, wanted).await,
    }
}

async fn receive(
    mount: &Mount,
    parts: Box<Parts>,
    request: FromPeer,
    body: PeerBody,
) -> Result<Response<PeerBody>, Refusal> {
    let mut confirmation = Confirmation(body);
    let mut finishes = false;
    let response = {
        let mut response = pin!(respond(mount, parts, &request));
        poll_fn(|cx| {
            loop {
                match confirmation.poll(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Word::Finish) => finishes = true,
                    // There is no response yet that the client could have.
                    Poll::Ready(Word::Delivered | Word::Lost) => {
                        return Poll::Ready(Err(Reject::NoSession.into()));
                    }
                }
            }
            let response = response.as_mut().poll(cx);
            let settling = request.settling.get();
            if let (true, true, Some(settling)) = (response.is_pending(), finishes, settling) {
                // The request is attached, and is woken.
                settling.finish_response();
                finishes = false;
            }
            response
        })
        .await?
    };
    let settling = request.settling.into_inner();
    if let (true, Some(settling)) = (finishes, &settling) {
        settling.finish_response();
    }
    Ok(response.map(|own| {
        Box::pin(Settled {
            response: Some((own, confirmation)),
            settling,
        }) as PeerBody
    }))
}

async fn respond(
    mount: &Mount,
    parts: Box<Parts>,
    request: &FromPeer,
) -> Result<Response<OwnBody>, Refusal> {
    let opener = Opener {
        parts,
        credentials: Credentials::Concealed,
    };
    let wanted = &Wanted::Peer(request);
    match request.head.endpoint {
        Endpoint::Xhr => transport::xhr(mount, opener, wanted).await,
        Endpoint::XhrStreaming => transport::xhr_streaming(mount, opener, wanted).await,
        Endpoint::EventSource => transport::eventsource(mount, opener, wanted).await,
        Endpoint::HtmlFile => transport::htmlfile(mount, opener, wanted).await,
        Endpoint::Jsonp => transport::jsonp(mount, opener, wanted).await,
        _ => Err(Reject::NotFound.into()),
    }
}

/// Makes the head that the transports look at.
fn parts(head: &RelayHead) -> Box<Parts> {
    let (mut parts, ()) = Request::new(()).into_parts();
    // A query that is not valid in a URI is left out. The transports then refuse the missing callback.
    let uri = head.query.as_ref().map(|query| format!("/?{query}"));
    parts.uri = uri.and_then(|uri| uri.parse().ok()).unwrap_or_default();
    parts.version = http::Version::HTTP_2;
    if let Some(content_type) = &head.content_type {
        parts.headers.insert(CONTENT_TYPE, content_type.clone());
    }
    if let Some(len) = head.content_length {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    Box::new(parts)
}

/// The body of a relayed receive request, in which the other node says what becomes of the response.
struct Confirmation(PeerBody);

/// What the other node says.
enum Word {
    /// The client has the response.
    Delivered,
    /// The client, or the other node, is lost.
    Lost,
    /// The response is to end soon.
    Finish,
}

impl Confirmation {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Word> {
        Poll::Ready(match ready!(self.0.as_mut().poll_frame(cx)) {
            None => Word::Delivered,
            Some(Err(_)) => Word::Lost,
            Some(Ok(_)) => Word::Finish,
        })
    }

    /// Waits for the end. Returns whether the client has the response.
    async fn delivered(mut self) -> bool {
        loop {
            match poll_fn(|cx| self.poll(cx)).await {
                Word::Delivered => return true,
                Word::Lost => return false,
                Word::Finish => {}
            }
        }
    }
}

/// The body of a response that another node passes on to the client of a session.
struct Settled {
    /// `None` once the client is lost.
    response: Option<(OwnBody, Confirmation)>,
    /// `None` if the session was over.
    settling: Option<Settling>,
}

impl Body for Settled {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        while let Some((_, confirmation)) = &mut this.response {
            match confirmation.poll(cx) {
                Poll::Pending => break,
                Poll::Ready(Word::Finish) => {
                    if let Some(settling) = &this.settling {
                        settling.finish_response();
                    }
                }
                // The session ends, because its receiver is dropped.
                Poll::Ready(Word::Delivered | Word::Lost) => this.response = None,
            }
        }
        let Some((own, _)) = &mut this.response else {
            return Poll::Ready(Some(Err("the client of the response is lost".into())));
        };
        let data = ready!(own.poll_data(cx));
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        let response = self.response.as_ref();
        response.is_some_and(|(own, _)| own.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let response = self.response.as_ref();
        response.map_or_else(SizeHint::default, |(own, _)| own.size_hint())
    }
}

/// A response that is handed over whole waits for its confirmation, in a task of its own. Its session
/// counts as attached meanwhile. A response that is dropped earlier loses its session.
impl Drop for Settled {
    fn drop(&mut self) {
        let (Some((own, confirmation)), Some(settling)) =
            (self.response.take(), self.settling.take())
        else {
            return;
        };
        if !own.is_end_stream() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return settling.lose();
        };
        runtime.spawn(async move {
            if !confirmation.delivered().await {
                settling.lose();
            }
            // The disconnect delay starts.
            drop(own);
            drop(settling);
        });
    }
}

/// The body of a response without a confirmation.
struct Plain(OwnBody);

fn boxed(own: OwnBody) -> PeerBody {
    Box::pin(Plain(own))
}

impl Body for Plain {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let data = ready!(self.0.poll_data(cx));
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
