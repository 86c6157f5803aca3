//! What is measured.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use sockjs_axum::{ResponseBody, Session, SockJs, SockJsLayer};
use tokio::runtime::{self, Runtime};
use tower::{Layer, Service, service_fn};

use crate::many;

/// Something to do over and over.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut()>,
}

impl Case {
    pub(crate) fn new(name: &'static str, run: impl FnMut() + 'static) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![
        bare(),
        passed_on(),
        answered("route/greeting", get("/echo"), 200),
        answered("route/info", get("/echo/info"), 200),
        answered("route/unknown", get("/echo/000/abc/nothing"), 404),
        answered("route/no_session", post("xhr_send", array(1)), 404),
        sending(),
        polling_echo(),
        streaming_echo("session/echo/xhr_streaming", 1),
        streaming_echo("session/echo/xhr_streaming/sixteen", 16),
        life(),
    ];
    cases.extend(many::all());
    cases
}

/// A service without the layer. All other cases have in them what this costs: to make a request,
/// and to run a future.
fn bare() -> Case {
    let runtime = runtime();
    let mut inner = service_fn(inner);
    let req = get("/other");
    Case::new("route/bare", move || {
        let res = runtime.block_on(inner.call(black_box(&req).clone()));
        assert!(res.is_ok());
    })
}

/// The same behind the layer.
fn passed_on() -> Case {
    let runtime = runtime();
    let mut service = SockJsLayer::new("/echo").layer(service_fn(inner));
    let req = get("/other");
    Case::new("route/passed_on", move || {
        let res = runtime.block_on(service.call(black_box(&req).clone()));
        assert!(res.is_ok());
    })
}

fn answered(name: &'static str, req: Request<Full<Bytes>>, status: u16) -> Case {
    let mut client = Client::new(SockJsLayer::new("/echo"));
    Case::new(name, move || {
        let res = client.call(black_box(&req));
        assert_eq!(res.status(), status);
        black_box(client.read(res));
    })
}

/// A message to a session that reads it and says nothing.
fn sending() -> Case {
    let mut client = Client::new(SockJsLayer::new("/echo").on_session(read));
    client.poll();
    Case::new("session/xhr_send", move || client.send())
}

/// A message, and the poll that brings it back.
fn polling_echo() -> Case {
    let mut client = Client::new(SockJsLayer::new("/echo"));
    client.poll();
    Case::new("session/echo/xhr", move || {
        client.send();
        client.poll();
    })
}

/// Messages that come back in a response that is there already.
fn streaming_echo(name: &'static str, messages: usize) -> Case {
    let layer = SockJsLayer::new("/echo").response_limit(usize::MAX);
    let mut client = Client::new(layer);
    client.xhr_send = post("xhr_send", array(messages));
    let mut body = client.call(&post("xhr_streaming", "")).into_body();
    for _prelude_and_open_frame in 0..2 {
        client.next(&mut body);
    }
    Case::new(name, move || {
        client.send();
        client.next(&mut body);
    })
}

/// All there is to a session that closes at once: two polls, and its end.
fn life() -> Case {
    let mut client = Client::new(SockJsLayer::new("/echo").on_session(leave));
    let mut id = 0_u64;
    Case::new("session/life/xhr", move || {
        id += 1;
        let req = post_to(&format!("{id:08}"), "xhr", "");
        for _open_and_close_frame in 0..2 {
            let res = client.call(&req);
            client.read(res);
        }
    })
}

pub(crate) async fn read(mut session: Session) {
    while session.recv().await.is_some() {}
}

async fn leave(_: Session) {}

/// A service, and what it runs on. Without connections, so that requests and nothing else are
/// measured.
pub(crate) struct Client {
    pub(crate) runtime: Runtime,
    service: SockJs<Inner>,
    xhr: Request<Full<Bytes>>,
    xhr_send: Request<Full<Bytes>>,
}

type Body = ResponseBody<Empty<Bytes>>;

impl Client {
    pub(crate) fn new(layer: SockJsLayer) -> Self {
        Self {
            runtime: runtime(),
            // Valgrind is slow, and a session must not end for that.
            service: layer.disconnect_delay(Duration::MAX).layer(Inner),
            xhr: post("xhr", ""),
            xhr_send: post("xhr_send", array(1)),
        }
    }

    fn call(&mut self, req: &Request<Full<Bytes>>) -> Response<Body> {
        let Self {
            runtime, service, ..
        } = self;
        let response = runtime.block_on(service.call(req.clone()));
        response.unwrap_or_else(|never| match never {})
    }

    fn read(&mut self, res: Response<Body>) -> Bytes {
        let body = self.runtime.block_on(res.into_body().collect());
        body.unwrap_or_else(|never| match never {}).to_bytes()
    }

    /// Waits for the next chunk of a stream.
    fn next(&mut self, body: &mut Body) {
        let chunk = self.runtime.block_on(body.frame());
        assert!(chunk.is_some_and(|chunk| chunk.is_ok()));
    }

    /// Sends a message, and lets the session's task take it.
    fn send(&mut self) {
        let req = self.xhr_send.clone();
        let res = self.call(&req);
        assert_eq!(res.status(), 204);
        self.runtime.block_on(tokio::task::yield_now());
    }

    /// Polls for the session with that id.
    pub(crate) fn poll_as(&mut self, session: &str) {
        let res = self.call(&post_to(session, "xhr", ""));
        assert!(!self.read(res).is_empty());
    }

    fn poll(&mut self) {
        let req = self.xhr.clone();
        let res = self.call(&req);
        assert!(!self.read(res).is_empty());
    }
}

fn runtime() -> Runtime {
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O needs nothing of the system")
}

fn get(path: &str) -> Request<Full<Bytes>> {
    request("GET", path, "")
}

/// Writes an array of so many messages.
fn array(messages: usize) -> String {
    format!("[{}]", vec![MESSAGE; messages].join(","))
}

fn post(action: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    post_to("abcdefgh", action, body)
}

fn post_to(session: &str, action: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    request("POST", &format!("/echo/000/{session}/{action}"), body)
}

/// Makes a request with about the headers that browsers send.
fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost:3000")
        .header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)")
        .header(ACCEPT, "*/*")
        .header(ORIGIN, "http://localhost:8080")
        .header(CONTENT_TYPE, "text/plain")
        .body(Full::new(body.into()));
    request.expect("its parts are valid")
}

/// What the layer is put around.
fn inner(_: Request<Full<Bytes>>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Empty::new())))
}

/// The same with a name.
#[derive(Clone)]
struct Inner;

impl Service<Request<Full<Bytes>>> for Inner {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Full<Bytes>>) -> Self::Future {
        inner(req)
    }
}

const MESSAGE: &str = r#""The quick brown fox jumps over ""#;
