use http::Response;
use http::request::Parts;
use sockjs_core::{Frame, Payload, PayloadError, Transport};
use tokio_tungstenite::tungstenite::Message;

use crate::admission::Addressed;
use crate::body::OwnBody;
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::reject::Refusal;

use super::pump::{self, Framing};

/// `GET /websocket`: messages in a WebSocket, without SockJS frames and heartbeats.
pub(crate) async fn raw_websocket(
    endpoint: &Endpoint,
    parts: Parts,
) -> Result<Response<OwnBody>, Refusal> {
    pump::upgrade(endpoint, parts, Addressed::Anonymously, Raw).await
}

/// A text frame is a message.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Framing for Raw {
    const TRANSPORT: Transport = Transport::RawWebSocket;

    fn payload_limit(config: &Config) -> usize {
        config.message_limit
    }

    fn decode(text: String, message_limit: usize) -> Result<Payload, PayloadError> {
        Payload::raw(text, message_limit)
    }

    fn encode(frame: Frame, send: impl FnMut(Message)) {
        match frame {
            Frame::Messages(messages) => {
                messages
                    .into_iter()
                    .map(|message| Message::text(message.into_string()))
                    .for_each(send);
            }
            Frame::Open | Frame::Heartbeat | Frame::Close(_) => {}
        }
    }
}
