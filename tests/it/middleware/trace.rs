use tower_http::trace::TraceLayer;

use super::{assert_untroubled, echo, routes};

#[tokio::test]
async fn a_trace_layer_may_be_above() {
    assert_untroubled(routes().layer(echo()).layer(TraceLayer::new_for_http())).await;
}

#[tokio::test]
async fn a_trace_layer_may_be_below() {
    assert_untroubled(routes().layer(TraceLayer::new_for_http()).layer(echo())).await;
}
