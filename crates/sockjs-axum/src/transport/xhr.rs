use http::Response;
use http::request::Parts;
use sockjs_core::ResponseEncoder;

use crate::body::OwnBody;
use crate::endpoint::Endpoint;
use crate::http::header::JAVASCRIPT;
use crate::http::reject::Refusal;

use super::receive;

/// `POST /SERVER/SESSION/xhr`: answered with one frame.
pub(crate) async fn xhr(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: Box<str>,
) -> Result<Response<OwnBody>, Refusal> {
    receive::poll(endpoint, parts, &id, ResponseEncoder::xhr(), JAVASCRIPT).await
}
