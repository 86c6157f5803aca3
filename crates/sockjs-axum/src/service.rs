use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::endpoint::respond;
use crate::error::BoxError;
use crate::future::ResponseFuture;
use crate::http::route::Route;
use crate::mount::Mount;

/// Answers SockJS requests under a prefix and passes everything else to the inner service.
///
/// Made by [`SockJsLayer`](crate::SockJsLayer); see there how to mount it. Clones share their
/// sessions.
#[derive(Clone, Debug)]
pub struct SockJs<S> {
    inner: S,
    mount: Arc<Mount>,
}

impl<S> SockJs<S> {
    pub(crate) fn new(inner: S, mount: Arc<Mount>) -> Self {
        Self { inner, mount }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SockJs<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        match Route::parse(self.mount.prefix(), req.uri().path()) {
            Some(route) => {
                let (parts, body) = req.into_parts();
                let respond = respond(self.mount.clone(), route, Box::new(parts), body);
                ResponseFuture::ours(Box::pin(respond))
            }
            // A clone may not be ready, so the inner service itself is called.
            None => ResponseFuture::inner(self.inner.call(req)),
        }
    }
}

/// The inner service of a [`SockJs`] without another service: it answers every request with 404.
///
/// Made by [`SockJsLayer::into_service`](crate::SockJsLayer::into_service).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NotFound;

impl<B> Service<Request<B>> for NotFound {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        ready(Ok(response))
    }
}
