use std::sync::Arc;

use super::limits::Limits;
use super::path::Path;
use super::receive::HttpReceiver;
use crate::framing::Framing;
use crate::http::Server;

/// `eventsource`: a server-sent event a frame.
pub(super) fn receiver(server: Arc<Server>, path: &Path, limits: Limits) -> HttpReceiver {
    let framing = Framing::events(limits.frame);
    HttpReceiver::new(server, "GET", path.to("/eventsource"), framing, limits)
}
