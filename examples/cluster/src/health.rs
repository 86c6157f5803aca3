use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

/// Whether the load balancer may send new clients to this node.
///
/// A node without Redis stays in rotation: all nodes are without it then, and each still serves the
/// sessions that it knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    is_leaving: Arc<AtomicBool>,
}

impl Health {
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }
}

/// `GET /health`
pub(crate) async fn health(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.is_leaving.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "leaving");
    }
    (StatusCode::OK, "ok")
}
