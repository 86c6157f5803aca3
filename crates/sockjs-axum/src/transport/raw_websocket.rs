use std::sync::Arc;

use http::Response;
use sockjs_core::{Frame, Payload, PayloadError, Transport};

use crate::config::Config;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener};

use super::OwnBody;
use super::frames::{write_ping, write_text};
use super::pump::{Framing, Input};
use super::upgrade::upgrade;

/// `GET /websocket`: messages in a WebSocket, without SockJS frames and heartbeats.
pub(crate) fn raw_websocket(
    mount: &Arc<Mount>,
    opener: Opener,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    upgrade::<Raw>(mount, opener)
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

    fn encode(frame: Frame, input: Input, out: &mut Vec<u8>) {
        match (frame, input) {
            (Frame::Messages(messages), _) => {
                for message in messages {
                    let text = message.as_bytes();
                    write_text(out, text.len(), |out| out.extend_from_slice(text));
                }
            }
            // A socket that is not read does not tell that its client is gone. Writing does.
            (Frame::Heartbeat, Input::Paused) => write_ping(out),
            (Frame::Open | Frame::Heartbeat | Frame::Close(_), _) => {}
        }
    }
}
