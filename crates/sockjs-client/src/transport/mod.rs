mod eventsource;
mod limits;
mod path;
mod receive;
mod silence;
mod websocket;
mod xhr;
mod xhr_send;
mod xhr_streaming;

use std::sync::Arc;

use sockjs_core::{Message, Transport};

pub(crate) use self::limits::Limits;
use self::path::Path;
use self::receive::HttpReceiver;
pub(crate) use self::silence::Silence;
use self::websocket::{Content, WebSocketReceiver, WebSocketSender};
use self::xhr_send::XhrSender;
use crate::TransportError;
use crate::frame::Frame;
use crate::http::Server;

/// Opens a session, up to the first frame, which the caller waits for.
pub(crate) async fn open(
    transport: Transport,
    server: Arc<Server>,
    server_part: &str,
    limits: Limits,
) -> Result<(Outgoing, Incoming), TransportError> {
    let path = Path::random(server_part);
    let receiver = match transport {
        Transport::WebSocket | Transport::RawWebSocket => {
            let (below, content) = match transport {
                Transport::RawWebSocket => ("/websocket".to_owned(), Content::Raw),
                _ => (path.to("/websocket"), Content::Frames),
            };
            let (sender, receiver) = websocket::connect(server, &below, content, limits).await?;
            return Ok((
                Outgoing::WebSocket(sender),
                Incoming::WebSocket(Box::new(receiver)),
            ));
        }
        Transport::Xhr => xhr::receiver(server.clone(), &path, limits),
        Transport::XhrStreaming => xhr_streaming::receiver(server.clone(), &path, limits),
        Transport::EventSource => eventsource::receiver(server.clone(), &path, limits),
        _ => return Err(TransportError::Protocol("unsupported transport")),
    };
    let sender = XhrSender::new(server, &path);
    Ok((
        Outgoing::Xhr(Box::new(sender)),
        Incoming::Http(Box::new(receiver)),
    ))
}

/// What frames come from.
#[derive(Debug)]
pub(crate) enum Incoming {
    WebSocket(Box<WebSocketReceiver>),
    Http(Box<HttpReceiver>),
}

impl Incoming {
    /// Waits for the next frame. Nothing is read before this is called.
    pub(crate) async fn next(&mut self) -> Result<Frame, TransportError> {
        match self {
            Self::WebSocket(receiver) => receiver.next().await,
            Self::Http(receiver) => receiver.next().await,
        }
    }
}

/// What messages go to.
#[derive(Debug)]
pub(crate) enum Outgoing {
    WebSocket(WebSocketSender),
    Xhr(Box<XhrSender>),
}

impl Outgoing {
    /// Sends messages in their order.
    pub(crate) async fn send(&mut self, messages: &[Message]) -> Result<(), TransportError> {
        match self {
            Self::WebSocket(sender) => sender.send(messages).await,
            Self::Xhr(sender) => sender.send(messages).await,
        }
    }
}

/// Ends a session that is closed. A WebSocket does its closing handshake. Over HTTP, dropping the
/// response is all.
pub(crate) async fn finish(mut outgoing: Outgoing, mut incoming: Incoming) {
    if let (Outgoing::WebSocket(sender), Incoming::WebSocket(receiver)) =
        (&mut outgoing, &mut incoming)
    {
        sender.close().await;
        receiver.finish().await;
    }
}

/// Returns whether the client has a transport.
pub(crate) fn is_supported(transport: Transport) -> bool {
    !matches!(transport, Transport::HtmlFile | Transport::Jsonp)
}
