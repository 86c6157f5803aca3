use http::Response;
use sockjs_core::{Callback, ResponseEncoder};

use crate::http::header::JAVASCRIPT;
use crate::http::reject::{Refusal, Reject};
use crate::mount::{Mount, Opener, Wanted};

use super::{OwnBody, receive};

/// `GET /SERVER/SESSION/jsonp?c=CALLBACK`: answered with one frame.
pub(crate) async fn jsonp(
    mount: &Mount,
    opener: Opener,
    wanted: &Wanted<'_>,
) -> Result<Response<OwnBody>, Refusal> {
    let callback = Callback::from_query(opener.parts.uri.query()).map_err(Reject::Callback)?;
    receive::poll(
        mount,
        opener,
        wanted,
        ResponseEncoder::jsonp(callback),
        JAVASCRIPT,
    )
    .await
}
