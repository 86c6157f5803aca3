use http::Response;
use sockjs_core::ResponseEncoder;

use crate::http::header::JAVASCRIPT;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener, Wanted};

use super::{OwnBody, receive};

/// `POST /SERVER/SESSION/xhr_streaming`: answered with frames up to the response limit.
pub(crate) fn xhr_streaming(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    let encoder = ResponseEncoder::xhr_streaming(mount.config().response_limit);
    receive::stream(mount, opener, wanted, encoder, JAVASCRIPT)
}
