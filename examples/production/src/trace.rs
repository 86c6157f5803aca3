//! A span a request.

use axum::extract::Request;
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::{Level, Span};

pub(crate) fn layer() -> TraceLayer<SharedClassifier<ServerErrorsAsFailures>, fn(&Request) -> Span>
{
    TraceLayer::new_for_http()
        .make_span_with(span as fn(&Request) -> Span)
        // SockJS has clients hear 500 when what they post is broken, so that anybody can cause one.
        .on_failure(DefaultOnFailure::new().level(Level::WARN))
}

/// The default would log the whole URI, and whoever knows the id in the URL of a session can join
/// it.
fn span(req: &Request) -> Span {
    let path = without_id(req.uri().path());
    tracing::info_span!("request", method = %req.method(), path)
}

/// Replaces the ids in `/live/SERVER/SESSION/xhr`, and whatever does not belong there.
fn without_id(path: &str) -> String {
    let Some(under) = path.strip_prefix("/live/") else {
        return path.to_owned();
    };
    let mut segments = under.trim_end_matches('/').rsplitn(3, '/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some(_), None, None) => path.to_owned(),
        (Some(endpoint), Some(_), Some(_)) => format!("/live/-/-/{endpoint}"),
        _ => "/live/-".to_owned(),
    }
}
