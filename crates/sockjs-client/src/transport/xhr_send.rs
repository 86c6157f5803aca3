use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use sockjs_core::{Message, quote};

use super::path::Path;
use crate::TransportError;
use crate::http::{Channel, Server, refusal};

/// Sends messages by requests, one at a time, so that they arrive in order.
#[derive(Debug)]
pub(crate) struct XhrSender {
    channel: Channel,
    below: String,
}

impl XhrSender {
    pub(super) fn new(server: Arc<Server>, path: &Path) -> Self {
        Self {
            channel: Channel::new(server),
            below: path.to("/xhr_send"),
        }
    }

    /// Uses a connection that is there already.
    pub(crate) fn adopt(&mut self, channel: Channel) {
        self.channel = channel;
    }

    /// Sends messages in one request, and waits until the server has accepted them.
    pub(super) async fn send(&mut self, messages: &[Message]) -> Result<(), TransportError> {
        let mut body = vec![b'['];
        for (i, message) in messages.iter().enumerate() {
            if i > 0 {
                body.push(b',');
            }
            quote(message, &mut body);
        }
        body.push(b']');
        let request = self
            .channel
            .server
            .request("POST", &self.below)
            .header(CONTENT_TYPE, "text/plain;charset=UTF-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(TransportError::lost)?;
        let response = self.channel.send(request).await?;
        // sockjs-node answers 204, other servers 200.
        if !matches!(response.status(), StatusCode::OK | StatusCode::NO_CONTENT) {
            return Err(refusal(response).await);
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            // The messages have arrived, whatever happens to the rest of the answer.
            if frame.is_err() {
                break;
            }
        }
        Ok(())
    }
}
