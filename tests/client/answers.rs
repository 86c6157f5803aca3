use std::future::{Future, pending};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

/// Answers requests whose path ends with `end` in place of the application.
pub(crate) fn answering<F>(app: Router, end: &'static str, answer: fn() -> F) -> Router
where
    F: Future<Output = Response> + Send + 'static,
{
    app.layer(from_fn(move |request: Request, next: Next| async move {
        if request.uri().path().ends_with(end) {
            answer().await
        } else {
            next.run(request).await
        }
    }))
}

pub(crate) async fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "not for you").into_response()
}

pub(crate) async fn never() -> Response {
    pending().await
}

/// The requests that the application got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(String, String)>>>);

impl Seen {
    pub(crate) fn watch(&self, app: Router) -> Router {
        let seen = self.clone();
        app.layer(from_fn(move |request: Request, next: Next| {
            let cookie = request.headers().get("cookie");
            let cookie = cookie
                .map(|it| it.to_str().expect("ASCII"))
                .unwrap_or_default();
            let entry = (request.uri().path().to_owned(), cookie.to_owned());
            seen.0.lock().expect("no panic").push(entry);
            next.run(request)
        }))
    }

    /// Returns path and cookies of each request.
    pub(crate) fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.take().into_iter().map(|(path, _)| path).collect()
    }
}
