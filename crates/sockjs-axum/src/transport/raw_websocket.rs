use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use sockjs_core::{Frame, Payload, PayloadError, Transport};
use tokio_tungstenite::tungstenite::Message;

use crate::config::Config;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener};

use super::OwnBody;
use super::pump::{Framing, Input};
use super::upgrade::upgrade;

/// `GET /websocket`: messages in a WebSocket, without SockJS frames and heartbeats.
pub(crate) async fn raw_websocket(
    mount: &Arc<Mount>,
    opener: Opener,
) -> Result<Response<OwnBody>, Refusal> {
    upgrade::<Raw>(mount, opener).await
}

/// A text frame is a message.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Framing for Raw {
    const TRANSPORT: Transport = Transport::RawWebSocket;

    fn payload_limit(config: &Config) -> usize {
        config.message_limit
    }

    fn decode(text: &str, message_limit: usize) -> Result<Payload, PayloadError> {
        Payload::raw(text, message_limit)
    }

    fn encode(frame: Frame, input: Input, mut send: impl FnMut(Message)) {
        match (frame, input) {
            (Frame::Messages(messages), _) => {
                messages
                    .into_iter()
                    .map(|message| Message::text(message.into_string()))
                    .for_each(send);
            }
            // A socket that is not read does not tell that its client is gone. Writing does.
            (Frame::Heartbeat, Input::Paused) => send(Message::Ping(Bytes::new())),
            (Frame::Open | Frame::Heartbeat | Frame::Close(_), _) => {}
        }
    }
}
