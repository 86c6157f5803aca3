use http::Response;
use http::request::Parts;
use sockjs_core::{Callback, ResponseEncoder};

use crate::body::OwnBody;
use crate::endpoint::Endpoint;
use crate::http::header::HTML;
use crate::http::reject::{Refusal, Reject};

use super::receive;

/// `GET /SERVER/SESSION/htmlfile?c=CALLBACK`: answered with frames up to the response limit.
pub(crate) async fn htmlfile(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: Box<str>,
) -> Result<Response<OwnBody>, Refusal> {
    let callback = Callback::from_query(parts.uri.query()).map_err(Reject::Callback)?;
    let receiver = ResponseEncoder::htmlfile(callback, endpoint.config().response_limit);
    receive::stream(endpoint, parts, &id, receiver, HTML).await
}
