use http::Response;
use sockjs_core::ResponseEncoder;

use crate::http::header::EVENT_STREAM;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener, Wanted};

use super::{OwnBody, receive};

/// `GET /SERVER/SESSION/eventsource`: answered with frames up to the response limit.
pub(crate) fn eventsource(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    let encoder = ResponseEncoder::eventsource(mount.config().response_limit);
    receive::stream(mount, opener, wanted, encoder, EVENT_STREAM)
}
