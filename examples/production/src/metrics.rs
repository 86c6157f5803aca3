//! What Prometheus asks for. The names are in `docs/observability.md`.

use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Starts to count.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    builder()?.install_recorder()
}

/// Histograms become buckets, which can be added up over servers; without this they would be
/// quantiles, which cannot.
pub(crate) fn builder() -> Result<PrometheusBuilder, BuildError> {
    let duration = Matcher::Full("sockjs_session_duration_seconds".to_owned());
    let send_buffer = Matcher::Full("sockjs_send_buffer_bytes".to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(duration, &[1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0])?
        .set_buckets_for_metric(
            send_buffer,
            &[256.0, 4096.0, 65_536.0, 262_144.0, 1_048_576.0],
        )
}

/// `GET /metrics`
pub(crate) fn routes(recorder: PrometheusHandle) -> Router {
    let upkeep = recorder.clone();
    tokio::spawn(async move {
        // What a histogram was told waits in memory until somebody asks, which may be never.
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    let render = move || {
        ready((
            [(CONTENT_TYPE, "text/plain; version=0.0.4")],
            recorder.render(),
        ))
    };
    Router::new().route("/metrics", get(render))
}

const UPKEEP: Duration = Duration::from_secs(5);
