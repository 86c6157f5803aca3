use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sockjs_core::{CloseReason, Message, Payload, quote};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as Item, Utf8Bytes};

use super::limits::Limits;
use crate::TransportError;
use crate::error::abnormal;
use crate::frame::Frame;
use crate::http::{Server, refusal};
use crate::task::Task;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What the messages of a WebSocket are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// Each message from the server is a frame, and each message to the server an array of messages.
    Frames,
    /// Each message is a message of the application.
    Raw,
}

/// Connects a WebSocket.
pub(super) async fn connect(
    server: Arc<Server>,
    below: &str,
    content: Content,
    limits: Limits,
) -> Result<(WebSocketSender, WebSocketReceiver), TransportError> {
    let key = generate_key();
    let request = server
        .request("GET", below)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .body(Full::<Bytes>::default())
        .map_err(TransportError::lost)?;
    let connection = server.connect().await?;
    let (response, tasks) = connection.send_only(&server, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(response).await);
    }
    if !accepts(&response, &key) {
        return Err(TransportError::Protocol("broken WebSocket handshake"));
    }
    let upgraded = hyper::upgrade::on(response).await;
    let upgraded = upgraded.map_err(TransportError::lost)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(limits.frame))
        .max_frame_size(Some(limits.frame));
    let socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await;
    let (sink, stream) = socket.split();
    let receiver = WebSocketReceiver {
        stream,
        content,
        is_open: false,
        limits,
        _tasks: tasks,
    };
    Ok((WebSocketSender { sink, content }, receiver))
}

fn accepts<B>(response: &Response<B>, key: &str) -> bool {
    let headers = response.headers();
    let upgrade = headers.get(UPGRADE).and_then(|it| it.to_str().ok());
    let accept = headers.get(SEC_WEBSOCKET_ACCEPT);
    upgrade.is_some_and(|it| it.eq_ignore_ascii_case("websocket"))
        && accept.is_some_and(|it| it.as_bytes() == derive_accept_key(key.as_bytes()).as_bytes())
}

/// The half of a WebSocket that sends.
#[derive(Debug)]
pub(crate) struct WebSocketSender {
    sink: SplitSink<Socket, Item>,
    content: Content,
}

impl WebSocketSender {
    /// Sends messages, and waits until the operating system has them.
    pub(super) async fn send(&mut self, messages: &[Message]) -> Result<(), TransportError> {
        for message in messages {
            let text = match self.content {
                Content::Raw => Utf8Bytes::from(&**message),
                Content::Frames => {
                    let mut text = vec![b'['];
                    quote(message, &mut text);
                    text.push(b']');
                    Utf8Bytes::try_from(text).expect("quoted text is UTF-8")
                }
            };
            self.sink.feed(Item::Text(text)).await.map_err(failure)?;
        }
        self.sink.flush().await.map_err(failure)
    }

    /// Begins the closing handshake.
    pub(super) async fn close(&mut self) {
        let normal = CloseFrame {
            code: 1000.into(),
            reason: Utf8Bytes::default(),
        };
        // The server may have closed the connection already.
        self.sink.send(Item::Close(Some(normal))).await.ok();
    }
}

/// The half of a WebSocket that receives.
#[derive(Debug)]
pub(crate) struct WebSocketReceiver {
    stream: SplitStream<Socket>,
    content: Content,
    /// Whether a raw WebSocket has said that it is open.
    is_open: bool,
    limits: Limits,
    _tasks: (Task, Option<Task>),
}

impl WebSocketReceiver {
    /// Waits for the next frame.
    pub(super) async fn next(&mut self) -> Result<Frame, TransportError> {
        if self.content == Content::Raw && !self.is_open {
            self.is_open = true;
            return Ok(Frame::Open);
        }
        loop {
            let item = self.limits.silence.within(self.stream.next()).await?;
            match item.unwrap_or(Err(Error::ConnectionClosed)) {
                Ok(Item::Text(text)) if self.content == Content::Frames => {
                    return Frame::decode(&text, self.limits.frame);
                }
                Ok(Item::Text(text)) => {
                    return Payload::raw(text.as_str(), self.limits.frame)
                        .map(Frame::Messages)
                        .map_err(|_| TransportError::TooLong);
                }
                Ok(Item::Binary(_)) => return Err(TransportError::Protocol("binary message")),
                Ok(Item::Close(frame)) => return Err(TransportError::Closed(reason(frame))),
                Ok(Item::Ping(_) | Item::Pong(_) | Item::Frame(_)) => {}
                Err(error) => return Err(failure(error)),
            }
        }
    }

    /// Waits for the end of the connection.
    pub(super) async fn finish(&mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}

fn reason(frame: Option<CloseFrame>) -> CloseReason {
    match frame {
        Some(frame) => CloseReason::new(frame.code.into(), frame.reason.as_str().to_owned()),
        // The code that RFC 6455 has for this case.
        None => CloseReason::from_static(1005, ""),
    }
}

fn failure(error: Error) -> TransportError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => TransportError::Closed(abnormal("")),
        Error::Io(error) => TransportError::Lost(error),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => TransportError::TooLong,
        error => TransportError::lost(error),
    }
}

/// Less than tungstenite's default, because a client mostly gets short messages.
const READ_BUFFER: usize = 16 * 1024;
