use http::Response;
use http::request::Parts;
use sockjs_core::ResponseEncoder;

use crate::body::OwnBody;
use crate::endpoint::Endpoint;
use crate::http::header::EVENT_STREAM;
use crate::http::reject::Refusal;

use super::receive;

/// `GET /SERVER/SESSION/eventsource`: answered with frames up to the response limit.
pub(crate) async fn eventsource(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: Box<str>,
) -> Result<Response<OwnBody>, Refusal> {
    let receiver = ResponseEncoder::eventsource(endpoint.config().response_limit);
    receive::stream(endpoint, parts, &id, receiver, EVENT_STREAM).await
}
