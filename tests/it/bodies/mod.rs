//! Bodies of requests: how long they may be and take, that none waits for another, and that a request
//! which is answered early hears the answer.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

mod early;
mod endings;
mod other_limits;
mod pace;
mod strays;
mod turns;

/// A body that a test sends part by part. It ends when the sender is dropped.
fn body() -> (UnboundedSender<&'static str>, Body) {
    let (sender, parts) = unbounded_channel::<&'static str>();
    let parts = stream::unfold(parts, async |mut parts| {
        let part = parts.recv().await?;
        Some((
            Ok::<_, Infallible>(Bytes::from_static(part.as_bytes())),
            parts,
        ))
    });
    (sender, Body::from_stream(parts))
}

fn post(path: &str, endpoint: &str, body: Body) -> Request<Body> {
    let request = Request::post(format!("{path}/{endpoint}"));
    request.body(body).expect("a valid request")
}
