use http::Response;
use http::request::Parts;
use sockjs_core::ResponseEncoder;

use crate::body::OwnBody;
use crate::endpoint::Endpoint;
use crate::http::header::JAVASCRIPT;
use crate::http::reject::Refusal;

use super::receive;

/// `POST /SERVER/SESSION/xhr_streaming`: answered with frames up to the response limit.
pub(crate) async fn xhr_streaming(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: Box<str>,
) -> Result<Response<OwnBody>, Refusal> {
    let receiver = ResponseEncoder::xhr_streaming(endpoint.config().response_limit);
    receive::stream(endpoint, parts, &id, receiver, JAVASCRIPT).await
}
