use http::Response;
use sockjs_core::{Callback, ResponseEncoder};

use crate::http::header::HTML;
use crate::http::reject::{Refusal, Reject};
use crate::mount::{Mount, Opener, Wanted};

use super::{OwnBody, receive};

/// `GET /SERVER/SESSION/htmlfile?c=CALLBACK`: answered with frames up to the response limit.
pub(crate) async fn htmlfile(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
) -> Result<Response<OwnBody>, Refusal> {
    let callback = Callback::from_query(opener.parts.uri.query()).map_err(Reject::Callback)?;
    let encoder = ResponseEncoder::htmlfile(callback, mount.config().response_limit);
    receive::stream(mount, opener, wanted, encoder, HTML).await
}
