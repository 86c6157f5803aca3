use http::Response;
use sockjs_core::ResponseEncoder;

use crate::http::header::JAVASCRIPT;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener, Wanted};

use super::{OwnBody, receive};

/// `POST /SERVER/SESSION/xhr`: answered with one frame.
pub(crate) fn xhr(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    receive::poll(mount, opener, wanted, ResponseEncoder::xhr(), JAVASCRIPT)
}
