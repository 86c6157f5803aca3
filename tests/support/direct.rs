use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use sockjs_axum::SockJsLayer;
use tokio::time::Instant;
use tower::ServiceExt as _;

/// A router that is called without a socket, so that a paused clock can be moved.
///
/// With a paused clock the time stands still while anything is left to do, and then jumps to the
/// next timer: what happens after 25 s happens at once, and exactly then.
#[derive(Clone, Debug)]
pub struct Direct(Router);

impl Direct {
    /// Calls a layer's endpoints.
    pub fn new(layer: SockJsLayer) -> Self {
        Self::router(Router::new().layer(layer))
    }

    /// Calls a router.
    pub fn router(router: Router) -> Self {
        Self(router)
    }

    /// Sends a request and waits for the head of its response.
    pub async fn send(&self, method: &str, path: &str, body: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body.to_owned()));
        self.call(request.expect("a valid request")).await
    }

    /// Sends any request and waits for the head of its response.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Sends a `POST` request without a body, and waits for all of its response.
    pub async fn post(&self, path: &str) -> String {
        let response = self.send("POST", path, "").await;
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body does not fail");
        String::from_utf8(body.to_bytes().to_vec()).expect("the body is UTF-8")
    }

    /// Sends an `xhr_send`; returns the status it is answered with.
    pub async fn payload(&self, session: &str, payload: &str) -> u16 {
        self.send("POST", &format!("{session}/xhr_send"), payload)
            .await
            .status()
            .as_u16()
    }
}

/// Reads the next piece of a body, which is text; `None` at its end.
pub async fn next_piece(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.expect("a body does not fail");
    let data = frame.into_data().expect("no trailers");
    Some(String::from_utf8(data.to_vec()).expect("the body is UTF-8"))
}

/// Waits for `future` and returns how long that took by the clock of a paused test, with its output.
///
/// # Panics
///
/// When a day passes.
pub async fn timed<F: Future>(future: F) -> (Duration, F::Output) {
    let start = Instant::now();
    let day = Duration::from_secs(24 * 60 * 60);
    let output = tokio::time::timeout(day, future)
        .await
        .expect("it happens within a day");
    (start.elapsed(), output)
}
