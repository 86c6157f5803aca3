//! Bytes that are posted come back on a stream, or on the answer to a poll.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// By the session's name, the channel to its stream or its polls.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<HashMap<String, Channel>>>);

#[derive(Debug)]
struct Channel {
    framing: Framing,
    sender: UnboundedSender<Bytes>,
    /// Where a session is polled, and no poll has it.
    receiver: Option<UnboundedReceiver<Bytes>>,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Line,
    Event,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Channel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self, session: String, framing: Framing, prelude: &str) -> Body {
        let (sender, receiver) = mpsc::unbounded_channel();
        let frames = stream::unfold(receiver, |mut receiver| async {
            let frame = receiver.recv().await?;
            Some((Ok::<_, Infallible>(frame), receiver))
        });
        for start in [
            Bytes::copy_from_slice(prelude.as_bytes()),
            framing.frame(b"", b"o"),
        ] {
            // The receiver is just above.
            let _ = sender.send(start);
        }
        self.lock().insert(
            session,
            Channel {
                framing,
                sender,
                receiver: None,
            },
        );
        Body::from_stream(frames)
    }
}

impl Framing {
    fn frame(self, kind: &[u8], payload: &[u8]) -> Bytes {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Line => (b"", b"\n"),
            Self::Event => (b"data: ", b"\r\n\r\n"),
        };
        let mut frame = BytesMut::with_capacity(before.len() + 1 + payload.len() + after.len());
        frame.put_slice(before);
        frame.put_slice(kind);
        frame.put_slice(payload);
        frame.put_slice(after);
        frame.freeze()
    }
}

pub(super) async fn xhr_streaming(
    State(sessions): State<Sessions>,
    Path((_, session)): Path<(String, String)>,
) -> impl IntoResponse {
    let prelude = format!("{}\n", "h".repeat(2048));
    let body = sessions.stream(session, Framing::Line, &prelude);
    ([(header::CONTENT_TYPE, JAVASCRIPT)], body)
}

pub(super) async fn eventsource(
    State(sessions): State<Sessions>,
    Path((_, session)): Path<(String, String)>,
) -> impl IntoResponse {
    let body = sessions.stream(session, Framing::Event, "\r\n");
    ([(header::CONTENT_TYPE, "text/event-stream")], body)
}

pub(super) async fn xhr(
    State(sessions): State<Sessions>,
    Path((_, session)): Path<(String, String)>,
) -> Response {
    let known = sessions
        .lock()
        .get_mut(&session)
        .map(|channel| channel.receiver.take());
    let frame = match known {
        Some(Some(mut receiver)) => {
            let frame = receiver.recv().await;
            if let Some(channel) = sessions.lock().get_mut(&session) {
                channel.receiver = Some(receiver);
            }
            frame.unwrap_or_default()
        }
        Some(None) => return StatusCode::CONFLICT.into_response(),
        None => {
            let (sender, receiver) = mpsc::unbounded_channel();
            let channel = Channel {
                framing: Framing::Line,
                sender,
                receiver: Some(receiver),
            };
            sessions.lock().insert(session, channel);
            Bytes::from_static(b"o\n")
        }
    };
    ([(header::CONTENT_TYPE, JAVASCRIPT)], frame).into_response()
}

pub(super) async fn xhr_send(
    State(sessions): State<Sessions>,
    Path((_, session)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let Some((framing, sender)) = sessions
        .lock()
        .get(&session)
        .map(|channel| (channel.framing, channel.sender.clone()))
    else {
        return StatusCode::NOT_FOUND;
    };
    match sender.send(framing.frame(b"a", &body)) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::NOT_FOUND,
    }
}

const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";
