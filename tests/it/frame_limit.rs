//! Waiting messages share a frame up to the frame limit, on every transport.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use sockjs_axum::{Session, SockJsLayer};
use support::{
    Direct, Server, Sessions, Wire, next_piece, unique_path, websocket_in_memory, within,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::websocket::PATH;

/// Messages as applications send them: JSON of 159 bytes, with quotation marks to escape.
fn messages(count: usize) -> Vec<String> {
    let messages = (0..count).map(|n| format!("{{\"n\":{n:5},\"text\":\"{}\"}}", "x".repeat(138)));
    messages.collect()
}

fn send_all(session: &Session, messages: &[String]) {
    for message in messages {
        session.try_send(message.as_str()).expect("there is room");
    }
}

fn parse(frame: &str) -> Vec<String> {
    let array = frame.trim_end().strip_prefix('a').expect("messages");
    serde_json::from_str(array).expect("an array of strings")
}

/// P8: Message frames.
#[tokio::test(start_paused = true)]
async fn no_websocket_message_of_several_messages_is_above_the_limit() {
    for (limit, frames) in [(None, 24), (Some(8192), 94)] {
        let mut layer = SockJsLayer::new("/echo");
        if let Some(limit) = limit {
            layer = layer.frame_limit(limit);
        }
        let (layer, mut sessions) = Sessions::capture(layer);
        let mut socket = websocket_in_memory(Router::new().layer(layer), PATH, 1 << 20).await;
        socket.expect("o").await;
        let session = sessions.next().await;
        let sent = messages(4500);
        send_all(&session, &sent);

        let mut received = Vec::new();
        let mut count = 0;
        while received.len() < sent.len() {
            let frame = socket.text().await;
            assert!(frame.len() <= limit.unwrap_or(32 * 1024), "{}", frame.len());
            received.extend(parse(&frame));
            count += 1;
        }

        assert_eq!(received, sent);
        // The frames are as full as they can be.
        assert_eq!(count, frames);
    }
}

/// P8: Message frames.
/// Limit: frame_limit
#[tokio::test(start_paused = true)]
async fn a_poll_is_answered_with_one_frame_up_to_the_limit() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo").frame_limit(1000));
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    let session = sessions.next().await;
    let mut sent = messages(20);
    sent.insert(7, "long".repeat(1000));
    send_all(&session, &sent);

    let mut received = Vec::new();
    while received.len() < sent.len() {
        let body = direct.post(&format!("{path}/xhr")).await;
        let messages = parse(&body);
        assert!(
            body.len() <= 1001 || messages == sent[7..8],
            "{}",
            body.len()
        );
        received.extend(messages);
    }
    assert_eq!(received, sent);
}

/// P8: Message frames.
#[tokio::test]
async fn a_stream_has_a_chunk_per_frame_up_to_the_limit() {
    let (server, mut sessions) = Server::capture(|layer| layer.frame_limit(1000)).await;
    for wire in Wire::ALL {
        let peer = server.peer();
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        let session = sessions.next().await;
        let sent = messages(100);
        send_all(&session, &sent);

        assert_eq!(receiver.messages(sent.len()).await, sent, "{wire:?}");
        session.close(3000, "Go away!");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunk_of_a_stream_has_one_frame() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo").frame_limit(1000));
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    let response = direct
        .send("POST", &format!("{path}/xhr_streaming"), "")
        .await;
    let mut body = response.into_body();
    next_piece(&mut body).await;
    assert_eq!(next_piece(&mut body).await.as_deref(), Some("o\n"));
    let session = sessions.next().await;
    let sent = messages(20);
    send_all(&session, &sent);

    let mut received = Vec::new();
    while received.len() < sent.len() {
        let piece = next_piece(&mut body).await.expect("more messages");
        assert!(piece.len() <= 1001, "{}", piece.len());
        received.extend(parse(&piece));
    }
    assert_eq!(received, sent);
}

#[tokio::test(start_paused = true)]
async fn waiting_sends_go_on_once_half_of_the_buffer_is_free() {
    const COUNT: usize = 200;
    let layer = SockJsLayer::new("/echo").frame_limit(500).send_buffer(5000);
    let (layer, mut sessions) = Sessions::capture(layer);
    let direct = Direct::new(layer);
    let path = unique_path("/echo");
    assert_eq!(direct.post(&format!("{path}/xhr")).await, "o\n");
    let session = sessions.next().await;
    let sent = messages(COUNT);

    let count = Cell::new(0);
    let send = async {
        for message in &sent {
            session
                .send(message.as_str())
                .await
                .expect("the session is open");
            count.set(count.get() + 1);
        }
    };
    let read = async {
        let mut received = Vec::new();
        while received.len() < COUNT {
            tokio::task::yield_now().await;
            let waiting = count.get() - received.len();
            assert!(
                waiting > 5 || count.get() == COUNT,
                "{waiting} of {}",
                count.get()
            );
            received.extend(parse(&direct.post(&format!("{path}/xhr")).await));
        }
        received
    };
    let ((), received) = within("all messages", async { tokio::join!(send, read) }).await;
    assert_eq!(received, sent);
}

/// A connection that counts its writes.
struct Counted {
    io: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_are_ready_together_are_one_write() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo").frame_limit(0));
    let (client, io) = tokio::io::duplex(1 << 20);
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Counted {
        io,
        writes: writes.clone(),
    };
    let service = TowerToHyperService::new(Router::new().layer(layer));
    tokio::spawn(async move {
        let builder = auto::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(counted), service);
        connection.await.ok();
    });
    // Its address does not matter.
    let handshake = Server::echo(|layer| layer).await.websocket(PATH);
    let mut socket = handshake.open_over(client).await;
    socket.expect("o").await;
    let session = sessions.next().await;

    let before = writes.load(Ordering::Relaxed);
    let sent = messages(100);
    send_all(&session, &sent);
    for message in &sent {
        assert_eq!(parse(&socket.text().await), [message.as_str()]);
    }
    assert_eq!(writes.load(Ordering::Relaxed), before + 1);

    // Frames that are long together are several writes, so that the buffer for them stays small.
    let before = writes.load(Ordering::Relaxed);
    let sent = messages(1000);
    send_all(&session, &sent);
    for message in &sent {
        assert_eq!(parse(&socket.text().await), [message.as_str()]);
    }
    let count = writes.load(Ordering::Relaxed) - before;
    assert!((2..=4).contains(&count), "{count}");
}
