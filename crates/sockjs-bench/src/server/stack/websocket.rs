//! Text that comes over a WebSocket goes back over it, or over all of them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

/// The WebSockets that hear what one of them says.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<Mutex<Vec<UnboundedSender<Utf8Bytes>>>>);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

pub(super) async fn echo(request: Request) -> Response {
    accept(request, echo_all)
}

/// Sends the open frame of SockJS first.
pub(super) async fn greeted(request: Request) -> Response {
    accept(request, |mut socket| async {
        socket.send(Message::text("o")).await?;
        echo_all(socket).await
    })
}

pub(super) async fn broadcast(State(room): State<Room>, request: Request) -> Response {
    accept(request, |socket| broadcast_all(socket, room, Joins::AtOnce))
}

/// As [`broadcast`], but a WebSocket hears only once it has sent `join`.
pub(super) async fn topic(State(room): State<Room>, request: Request) -> Response {
    accept(request, |socket| {
        broadcast_all(socket, room, Joins::WhenAsked)
    })
}

/// When a WebSocket begins to hear the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Joins {
    AtOnce,
    WhenAsked,
}

/// Answers the handshake, and runs `work` on the WebSocket.
fn accept<F>(mut request: Request, work: impl FnOnce(Socket) -> F + Send + 'static) -> Response
where
    F: Future<Output = tungstenite::Result<()>> + Send,
{
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgrade: OnUpgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        // The default of 128 KiB is filled with zeros before each read.
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        // Clients come and go, and nobody is to hear of it.
        let _ = work(socket).await;
    });
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, &accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// How many messages are read before what they cause is written.
const AT_ONCE: usize = 256;

async fn echo_all(socket: Socket) -> tungstenite::Result<()> {
    let (mut sink, messages) = socket.split();
    let mut messages = messages.ready_chunks(AT_ONCE);
    while let Some(messages) = messages.next().await {
        for message in messages {
            if let message @ Message::Text(_) = message? {
                sink.feed(message).await?;
            }
        }
        sink.flush().await?;
    }
    Ok(())
}

async fn broadcast_all(socket: Socket, room: Room, joins: Joins) -> tungstenite::Result<()> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut outside = Some(sender);
    if joins == Joins::AtOnce {
        room.lock().extend(outside.take());
    }
    let (mut sink, mut messages) = socket.split();
    let mut heard = Vec::new();
    loop {
        tokio::select! {
            count = receiver.recv_many(&mut heard, AT_ONCE) => {
                debug_assert!(count > 0, "the room or `outside` has the sender");
                for text in heard.drain(..) {
                    sink.feed(Message::Text(text)).await?;
                }
                sink.flush().await?;
            }
            message = messages.next() => match message.transpose()? {
                Some(Message::Text(text)) if outside.is_some() && text == "join" => {
                    room.lock().extend(outside.take());
                    sink.send(Message::text("joined")).await?;
                }
                Some(Message::Text(text)) => {
                    room.lock().retain(|sender| sender.send(text.clone()).is_ok());
                }
                Some(_) => sink.flush().await?,
                None => return Ok(()),
            }
        }
    }
}

impl Room {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<UnboundedSender<Utf8Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
