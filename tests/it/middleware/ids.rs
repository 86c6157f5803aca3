use axum::Extension;
use sockjs_axum::{Session, SockJsLayer};
use support::{Server, within};
use tokio::sync::mpsc;
use tower_http::request_id::{
    MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};

use super::{assert_untroubled, echo, routes};

/// Gives every request the same id.
#[derive(Clone, Copy)]
pub(crate) struct SameId;

impl MakeRequestId for SameId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        Some(RequestId::new(http::HeaderValue::from_static("same")))
    }
}

#[tokio::test]
async fn request_ids_may_be_set_above_or_below() {
    let above = routes()
        .layer(echo())
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(SameId));
    assert_untroubled(above).await;

    let below = routes()
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(SameId))
        .layer(echo());
    assert_untroubled(below).await;
}

#[tokio::test]
async fn a_request_id_set_above_reaches_handler_and_client() {
    let (tx, mut ids) = mpsc::unbounded_channel();
    let handler = move |id: Option<Extension<RequestId>>, session: Session| {
        let extension = id.map(|Extension(id)| id.into_header_value());
        tx.send((extension, session.headers().get("x-request-id").cloned()))
            .ok();
        async {}
    };
    let layer = SockJsLayer::new("/echo").on_session(handler);
    let router = routes()
        .layer(layer)
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(SameId));
    let server = Server::start(router).await;

    let polled = server.peer().post("xhr").send().await;
    let streamed = server.peer().get("eventsource").send().await;
    let socket = server.websocket("/echo/000/abc/websocket").open().await;

    assert_eq!(polled.header("x-request-id"), Some("same"));
    assert_eq!(streamed.header("x-request-id"), Some("same"));
    assert_eq!(socket.headers.get("x-request-id"), Some("same"));
    for _ in 0..3 {
        let (extension, header) = within("a session", ids.recv()).await.unwrap();
        assert_eq!(extension.unwrap(), "same");
        assert_eq!(header.unwrap(), "same");
    }
}
