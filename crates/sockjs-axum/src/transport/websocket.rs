use std::sync::Arc;

use http::Response;
use sockjs_core::{Frame, Payload, PayloadError, Transport};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WebSocketFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::config::Config;
use crate::http::reject::Refusal;
use crate::mount::{Mount, Opener};

use super::OwnBody;
use super::pump::{Framing, Input};
use super::upgrade::upgrade;

/// `GET /SERVER/SESSION/websocket`: SockJS frames in a WebSocket.
///
/// The session id in the URL means nothing: every WebSocket is a session of its own.
pub(crate) async fn websocket(
    mount: &Arc<Mount>,
    opener: Opener,
) -> Result<Response<OwnBody>, Refusal> {
    upgrade::<Framed>(mount, opener).await
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

    fn encode(frame: Frame, _: Input, mut send: impl FnMut(Message)) {
        let mut text = Vec::new();
        frame.write_to(&mut text);
        // Made from strings, so that nobody needs to check once more that it is UTF-8.
        let text_opcode = OpCode::Data(Data::Text);
        send(Message::Frame(WebSocketFrame::message(
            text,
            text_opcode,
            true,
        )));
        if let Frame::Heartbeat = frame {
            // Clients do not answer a heartbeat, but browsers answer a ping.
            send(Message::Ping(bytes::Bytes::new()));
        }
    }
}
