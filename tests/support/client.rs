use std::{net::SocketAddr, time::Instant};

use sockjs_axum::Transport;

use crate::{
    frame::Frame,
    limit::LIMIT,
    peer::{Peer, unique_path},
    receiver::Receiver,
    websocket::{Handshake, WebSocket},
    wire::Wire,
};

/// A client of any transport: what it sends and hears, whatever is around that.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    link: Link,
}

#[derive(Debug)]
enum Link {
    Http { peer: Peer, receiver: Receiver },
    WebSocket(WebSocket),
}

impl Client {
    /// Opens a session under a mount, up to its open frame. Between two polls no request is
    /// attached; a stream stays attached.
    pub async fn open(addr: SocketAddr, mount: &str, transport: Transport) -> Self {
        let path = unique_path(mount);
        let wire = Wire::ALL.into_iter().find(|it| it.transport() == transport);
        let mut link = match wire {
            Some(wire) => {
                let peer = Peer::new(addr, path);
                let receiver = peer.receiver(wire);
                Link::Http { peer, receiver }
            }
            None => {
                let path = match transport {
                    Transport::RawWebSocket => format!("{mount}/websocket"),
                    _ => format!("{path}/websocket"),
                };
                Link::WebSocket(Handshake::new(addr, &path).open().await)
            }
        };
        match &mut link {
            Link::Http { receiver, .. } => receiver.expect("o").await,
            Link::WebSocket(socket) if transport == Transport::WebSocket => {
                socket.expect("o").await;
            }
            Link::WebSocket(_) => {}
        }
        Self { transport, link }
    }

    /// Returns the transport.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Makes sure that the client is there to be told something.
    pub async fn attach(&mut self) {
        if let Link::Http { receiver, .. } = &mut self.link {
            receiver.attach().await;
        }
    }

    /// Sends a message, which the server takes.
    pub async fn send(&mut self, message: &str) {
        let payload = serde_json::json!([message]).to_string();
        match &mut self.link {
            Link::Http { peer, .. } => peer.send(payload).await,
            Link::WebSocket(socket) if self.transport == Transport::RawWebSocket => {
                socket.send_text(message).await;
            }
            Link::WebSocket(socket) => socket.send_text(payload).await,
        }
    }

    /// Reads until `count` messages have come, and returns them.
    pub async fn messages(&mut self, count: usize) -> Vec<String> {
        match &mut self.link {
            Link::Http { receiver, .. } => receiver.messages(count).await,
            Link::WebSocket(socket) if self.transport == Transport::RawWebSocket => {
                let mut messages = Vec::new();
                while messages.len() < count {
                    messages.push(socket.text().await);
                }
                messages
            }
            Link::WebSocket(socket) => socket.messages(count).await,
        }
    }

    /// Sends a message and reads it from an echo, before anything else.
    pub async fn echo(&mut self, message: &str) {
        self.send(message).await;
        assert_eq!(self.messages(1).await, [message], "{:?}", self.transport);
    }

    /// Reads that the session closes, before anything else, and takes leave as clients do: of a
    /// WebSocket with a close frame.
    pub async fn expect_told(&mut self, code: u16, reason: &str) {
        let frame = format!("c[{code},{}]", serde_json::json!(reason));
        match &mut self.link {
            Link::Http { receiver, .. } => {
                receiver.expect(&frame).await;
                receiver.complete().await;
            }
            Link::WebSocket(socket) => {
                if self.transport == Transport::WebSocket {
                    socket.expect(&frame).await;
                }
                socket.expect_close(code, reason).await;
                socket.send(Frame::close(code, reason)).await;
            }
        }
    }

    /// Does the same and waits for the server to end the connection of a WebSocket.
    pub async fn expect_close(&mut self, code: u16, reason: &str) {
        self.expect_told(code, reason).await;
        if let Link::WebSocket(socket) = &mut self.link {
            socket.ended().await;
        }
    }

    /// Waits until the server has ended the connection, whatever comes before. Of a poll there must
    /// be one.
    pub async fn gone(self) {
        match self.link {
            Link::Http { receiver, .. } => {
                let mut connection = receiver.into_connection();
                while connection.take_some(usize::MAX).await.is_some() {}
            }
            Link::WebSocket(mut socket) => socket.gone().await,
        }
    }

    /// Returns the requests and connections of an HTTP transport.
    ///
    /// # Panics
    ///
    /// When it is a WebSocket.
    pub fn http(&mut self) -> (&Peer, &mut Receiver) {
        match &mut self.link {
            Link::Http { peer, receiver } => (peer, receiver),
            Link::WebSocket(_) => panic!("{:?} has no requests", self.transport),
        }
    }

    /// Returns the socket of a WebSocket.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn socket(&mut self) -> &mut WebSocket {
        match &mut self.link {
            Link::Http { .. } => panic!("{:?} is no WebSocket", self.transport),
            Link::WebSocket(socket) => socket,
        }
    }

    /// Ends the connection that is attached, so that the server sees a reset.
    pub fn reset(self) {
        match self.link {
            Link::Http { receiver, .. } => receiver.into_connection().reset(),
            Link::WebSocket(socket) => socket.reset(),
        }
    }
}

/// Waits until something holds that nobody tells of, at most [`LIMIT`] of the real world's time: this
/// keeps a frozen clock from running.
///
/// # Panics
///
/// When the limit is over, with `what` was waited for.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for {what}");
        tokio::task::yield_now().await;
    }
}
