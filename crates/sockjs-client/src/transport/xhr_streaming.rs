use std::sync::Arc;

use super::limits::Limits;
use super::path::Path;
use super::receive::HttpReceiver;
use crate::framing::Framing;
use crate::http::Server;

/// `xhr-streaming`: a line a frame. The first line of a response is padding.
pub(super) fn receiver(server: Arc<Server>, path: &Path, limits: Limits) -> HttpReceiver {
    let framing = Framing::lines(limits.frame);
    HttpReceiver::new(server, "POST", path.to("/xhr_streaming"), framing, limits)
}
