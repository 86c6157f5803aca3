use bytes::Bytes;
use http::Response;
use http::request::Parts;
use sockjs_core::{Frame, Payload, PayloadError, Transport};
use tokio_tungstenite::tungstenite::Message;

use crate::body::OwnBody;
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::http::reject::Refusal;
use crate::mount::admission::Addressed;

use super::pump::{self, Framing, Input};

/// `GET /websocket`: messages in a WebSocket, without SockJS frames and heartbeats.
pub(crate) async fn raw_websocket(
    endpoint: &Endpoint,
    parts: Box<Parts>,
) -> Result<Response<OwnBody>, Refusal> {
    pump::upgrade::<Raw>(endpoint, parts, Addressed::Anonymously).await
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
