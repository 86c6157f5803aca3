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

/// `GET /SERVER/SESSION/websocket`: SockJS frames in a WebSocket.
///
/// The session id in the URL means nothing: every WebSocket is a session of its own.
pub(crate) fn websocket(
    mount: &Arc<Mount>,
    opener: Opener,
) -> impl Future<Output = Result<Response<OwnBody>, Refusal>> {
    upgrade::<Framed>(mount, opener)
}

/// Frames as text, payloads as JSON.
#[derive(Clone, Copy, Debug)]
struct Framed;

impl Framing for Framed {
    const TRANSPORT: Transport = Transport::WebSocket;

    fn payload_limit(config: &Config) -> usize {
        config.body_limit
    }

    fn decode(text: &str, message_limit: usize) -> Result<Payload, PayloadError> {
        Payload::parse_frame(text, message_limit)
    }

    fn encode(frame: Frame, _: Input, out: &mut Vec<u8>) {
        let expected = match &frame {
            Frame::Messages(messages) => messages.iter().map(|message| message.len() + 3).sum(),
            Frame::Open | Frame::Heartbeat | Frame::Close(_) => 0,
        };
        write_text(out, expected, |out| frame.write_to(out));
        if let Frame::Heartbeat = frame {
            // Clients do not answer a heartbeat, but browsers answer a ping.
            write_ping(out);
        }
    }
}
