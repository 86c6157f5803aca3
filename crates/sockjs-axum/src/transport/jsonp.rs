use http::Response;
use http::request::Parts;
use sockjs_core::{Callback, ResponseEncoder};

use crate::body::OwnBody;
use crate::endpoint::Endpoint;
use crate::http::header::JAVASCRIPT;
use crate::http::reject::{Refusal, Reject};

use super::receive;

/// `GET /SERVER/SESSION/jsonp?c=CALLBACK`: answered with one frame.
pub(crate) async fn jsonp(
    endpoint: &Endpoint,
    parts: Box<Parts>,
    id: Box<str>,
) -> Result<Response<OwnBody>, Refusal> {
    let callback = Callback::from_query(parts.uri.query()).map_err(Reject::Callback)?;
    let encoder = ResponseEncoder::jsonp(callback);
    receive::poll(endpoint, parts, &id, encoder, JAVASCRIPT).await
}
