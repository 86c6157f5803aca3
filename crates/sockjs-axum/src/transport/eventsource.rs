use http::Response;
use sockjs_core::Receiver;

use crate::http::header::EVENT_STREAM;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener};

use super::{OwnBody, receive};

/// `GET /SERVER/SESSION/eventsource`: answered with frames up to the response limit.
pub(crate) async fn eventsource(
    mount: &Mount,
    opener: Opener,
    id: &str,
) -> Result<Response<OwnBody>, Refusal> {
    let receiver = Receiver::eventsource(mount.config().response_limit);
    receive::stream(mount, opener, id, receiver, EVENT_STREAM).await
}
