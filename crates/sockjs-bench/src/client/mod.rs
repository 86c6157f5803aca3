//! A SockJS session as a client sees it, over every transport.

mod body;
mod error;
mod frame;
mod framing;
mod http;
mod http2;
mod polling;
mod receive;
mod streaming;
mod upload;
mod websocket;
mod wire;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::stream::Stream;
use crate::target::{Scheme, SessionId, Target};
use crate::transport::Transport;

pub(crate) use error::ClientError;
pub(crate) use http::{Connection, Request};
pub(crate) use http2::Http2;
pub(crate) use websocket::{Payload, WebSocket};

use polling::Polling;
use streaming::Streaming;

/// What takes the messages that arrive.
type Take<'a> = dyn FnMut(&str) -> Result<(), ClientError> + Send + 'a;

/// An open session.
#[derive(Debug)]
pub(crate) enum Client {
    WebSocket(WebSocket<Stream>),
    Streaming(Streaming),
    Http2(Http2),
    Polling(Polling),
}

impl Client {
    /// Opens a session, and waits for its open frame where there is one.
    pub(crate) async fn open(target: &Target, transport: Transport) -> Result<Self, ClientError> {
        if let Some(node) = target.later() {
            let id = SessionId::fresh();
            open_with_poll(&mut Connection::new(target), target, &id).await?;
            return match transport {
                Transport::XhrStreaming => Ok(Self::Streaming(Streaming::go_on(node, &id).await?)),
                Transport::XhrPolling => Ok(Self::Polling(Polling::go_on(node, &id).await?)),
                _ => Err(ClientError::NotElsewhere(transport.name())),
            };
        }
        if target.scheme() == Scheme::Http2 {
            return match transport {
                Transport::XhrStreaming => Ok(Self::Http2(Http2::open(target).await?)),
                _ => Err(ClientError::NotOverHttp2(transport.name())),
            };
        }
        Ok(match transport {
            Transport::WebSocket => {
                let path = target.session_path(&SessionId::fresh(), "websocket");
                Self::WebSocket(open_websocket(target, &path, Payload::SockJs).await?)
            }
            Transport::RawWebSocket => {
                let path = target.path("websocket");
                Self::WebSocket(open_websocket(target, &path, Payload::Raw).await?)
            }
            Transport::XhrStreaming => Self::Streaming(Streaming::open_xhr(target).await?),
            Transport::EventSource => Self::Streaming(Streaming::open_eventsource(target).await?),
            Transport::HtmlFile => Self::Streaming(Streaming::open_htmlfile(target).await?),
            Transport::XhrPolling => Self::Polling(Polling::open_xhr(target).await?),
            Transport::JsonpPolling => Self::Polling(Polling::open_jsonp(target).await?),
        })
    }

    /// Sends messages: on a WebSocket with one write, otherwise with one request.
    pub(crate) async fn send(&mut self, messages: &[String]) -> Result<(), ClientError> {
        match self {
            Self::WebSocket(socket) => socket.send(messages).await,
            Self::Streaming(streaming) => streaming.send(messages).await,
            Self::Http2(session) => session.send(messages).await,
            Self::Polling(polling) => polling.send(messages).await,
        }
    }

    /// Waits for a frame, and hands the messages of all that have arrived to `take`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`] once the server closes the session, and whatever `take` fails with.
    pub(crate) async fn receive(
        &mut self,
        mut take: impl FnMut(&str) -> Result<(), ClientError> + Send,
    ) -> Result<(), ClientError> {
        match self {
            Self::WebSocket(socket) => socket.receive(&mut take).await,
            Self::Streaming(streaming) => streaming.receive(&mut take).await,
            Self::Http2(session) => session.receive(&mut take).await,
            Self::Polling(polling) => polling.receive(&mut take).await,
        }
    }

    /// Keeps the session until the server closes it.
    pub(crate) async fn wait_for_close(mut self) -> Result<(), ClientError> {
        loop {
            match self.receive(|_| Ok(())).await {
                Ok(()) => {}
                Err(ClientError::Closed(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes the session. Over HTTP that is to ask no more, for SockJS has no other way.
    pub(crate) async fn close(self) -> Result<(), ClientError> {
        match self {
            Self::WebSocket(socket) => socket.close().await,
            Self::Streaming(_) | Self::Http2(_) | Self::Polling(_) => Ok(()),
        }
    }
}

/// Opens a session with a poll, which brings the open frame.
pub(crate) async fn open_with_poll(
    connection: &mut Connection,
    target: &Target,
    id: &SessionId,
) -> Result<(), ClientError> {
    let path = target.session_path(id, "xhr");
    let frame = connection.fetch(Request::post(&path, b"")).await?;
    if frame != "o\n" {
        return Err(ClientError::malformed(&frame));
    }
    Ok(())
}

async fn open_websocket(
    target: &Target,
    path: &str,
    payload: Payload,
) -> Result<WebSocket<Stream>, ClientError> {
    WebSocket::open(target.connect().await?, target.host(), path, payload).await
}

/// Asks the server for something with a request that posts nothing, and returns the answer.
pub(crate) async fn ask(target: &Target, path: &str) -> Result<BytesMut, ClientError> {
    match target.scheme() {
        Scheme::Http2 => http2::ask(target, path).await,
        Scheme::Http | Scheme::Https => {
            let request = Request::post(path, b"");
            Connection::new(target).fetch(request).await
        }
    }
}

/// Writes messages into `json` as the array that the server expects.
fn write_array(messages: &[String], json: &mut Vec<u8>) {
    json.clear();
    serde_json::to_writer(json, messages).expect("strings are JSON and a vector takes everything");
}

/// Waits for input, of which an idle session has room for little and a busy one for more.
async fn read_more(
    stream: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
) -> Result<(), ClientError> {
    input.reserve(1024);
    if stream.read_buf(input).await? == 0 {
        return Err(ClientError::Disconnected);
    }
    if input.len() == input.capacity() {
        input.reserve(16 * 1024);
    }
    Ok(())
}
