use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
    ext::Protocol,
};
use http::{Method, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{limit::within, websocket::WebSocket};

/// An HTTP/2 connection to a server that is known to speak it. Clones share it.
#[derive(Clone, Debug)]
pub struct Http2(SendRequest<Bytes>);

impl Http2 {
    /// Connects to a server and waits until it has said what it can do.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::connect_as(addr, &h2::client::Builder::new()).await
    }

    /// Connects as a client that lets the server send so many bytes on a stream before it reads them.
    pub async fn connect_with_window(addr: SocketAddr, window: u32) -> Self {
        Self::connect_as(addr, h2::client::Builder::new().initial_window_size(window)).await
    }

    async fn connect_as(addr: SocketAddr, builder: &h2::client::Builder) -> Self {
        let stream = within("a connection", TcpStream::connect(addr)).await;
        let stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("the socket takes options");
        let handshake = within("HTTP/2", builder.handshake(stream)).await;
        let (client, mut connection) = handshake.expect("the server speaks HTTP/2");
        let mut ping_pong = connection.ping_pong().expect("nobody else took it");
        tokio::spawn(connection);
        // Settings are the first a server sends.
        let pong = within("a pong", ping_pong.ping(h2::Ping::opaque())).await;
        pong.expect("the connection is open");
        Self(client)
    }

    /// Connects as a client that accepts at most `window` bytes of a response before it has taken
    /// them.
    pub async fn with_window(addr: SocketAddr, window: u32) -> Self {
        let (client, connection) = Self::connect_to_drive(addr, window).await;
        tokio::spawn(connection);
        client
    }

    /// Connects in the same way, and leaves it to the caller to drive the connection.
    pub async fn connect_to_drive(
        addr: SocketAddr,
        window: u32,
    ) -> (Self, impl Future<Output = Result<(), h2::Error>> + Send) {
        let stream = within("a connection", TcpStream::connect(addr)).await;
        let stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("the socket takes options");
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window);
        builder.initial_connection_window_size((1 << 31) - 1);
        let handshake = within("HTTP/2", builder.handshake(stream)).await;
        let (client, connection) = handshake.expect("the server speaks HTTP/2");
        (Self(client), connection)
    }

    /// Starts a request without a body.
    pub async fn start(&self, method: &str, path: &str) -> ResponseFuture {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://localhost{path}"))
            .body(())
            .expect("a valid request");
        let client = within("room for a stream", self.0.clone().ready()).await;
        let mut client = client.expect("the connection is open");
        let sent = client.send_request(request, true);
        sent.expect("a valid request").0
    }

    /// Sends a request without a body, and waits for the head of its response.
    pub async fn request(&self, method: &str, path: &str) -> Response<Http2Body> {
        let response = self.start(method, path).await;
        let response = within("an HTTP/2 response", response).await;
        response.expect("a response").map(|recv| Http2Body {
            recv,
            rest: Bytes::new(),
        })
    }

    /// Returns whether the server allows `CONNECT` for other protocols, RFC 8441 §3.
    pub fn allows_extended_connect(&self) -> bool {
        self.0.is_extended_connect_protocol_enabled()
    }

    /// Asks for a stream of a protocol as RFC 8441 says for WebSockets.
    pub fn connect_request(protocol: &'static str, path: &str) -> Request<()> {
        Request::builder()
            .method(Method::CONNECT)
            .uri(format!("http://localhost{path}"))
            .extension(Protocol::from_static(protocol))
            .header("sec-websocket-version", "13")
            .body(())
            .expect("a valid request")
    }

    /// Sends a request and waits for the head of its response; both bodies make the stream.
    pub async fn send(&self, request: Request<()>) -> Response<Http2Stream> {
        let client = within("room for a stream", self.0.clone().ready()).await;
        let mut client = client.expect("the connection is open");
        let sent = client.send_request(request, false);
        let (response, send) = sent.expect("a valid request");
        let response = within("an HTTP/2 response", response).await;
        let response = response.expect("a response");
        response.map(|recv| Http2Stream {
            send,
            recv,
            rest: Bytes::new(),
        })
    }

    /// Opens a WebSocket on a stream of its own.
    ///
    /// # Panics
    ///
    /// When the server refuses it.
    pub async fn websocket(&self, path: &str) -> WebSocket<Http2Stream> {
        let response = self.send(Self::connect_request("websocket", path)).await;
        assert_eq!(response.status(), 200, "{response:?}");
        WebSocket::over(response.into_body())
    }
}

/// The body of a response over HTTP/2. The server sends no more than the window before the test takes
/// some of it.
#[derive(Debug)]
pub struct Http2Body {
    recv: RecvStream,
    /// What arrived and was not taken.
    rest: Bytes,
}

impl Http2Body {
    /// Takes as many bytes.
    ///
    /// # Panics
    ///
    /// When the body ends before.
    pub async fn take(&mut self, len: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < len {
            let more = self.fill().await;
            assert!(more, "the body ended after {} bytes", taken.len());
            let part = self.rest.split_to(self.rest.len().min(len - taken.len()));
            let released = self.recv.flow_control().release_capacity(part.len());
            released.expect("it was received");
            taken.extend_from_slice(&part);
        }
        taken
    }

    /// Takes everything up to the end; `None` if the stream breaks.
    pub async fn rest(mut self) -> Option<Vec<u8>> {
        let mut taken = self.take(self.rest.len()).await;
        while let Some(data) = within("the end of a body", self.recv.data()).await {
            let data = data.ok()?;
            let released = self.recv.flow_control().release_capacity(data.len());
            released.expect("it was received");
            taken.extend_from_slice(&data);
        }
        Some(taken)
    }

    /// Waits until some bytes are there; returns whether there are any.
    pub async fn fill(&mut self) -> bool {
        while self.rest.is_empty() {
            let Some(data) = within("bytes of a body", self.recv.data()).await else {
                return false;
            };
            self.rest = data.expect("the stream is open");
        }
        true
    }
}

/// A stream of an HTTP/2 connection, both ways.
#[derive(Debug)]
pub struct Http2Stream {
    send: SendStream<Bytes>,
    recv: RecvStream,
    rest: Bytes,
}

impl Http2Stream {
    /// Resets the stream, which is to it what a reset is to a TCP connection.
    pub fn reset(mut self) {
        self.send.send_reset(h2::Reason::CANCEL);
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let Some(data) = ready!(self.recv.poll_data(cx)) else {
                return Poll::Ready(Ok(()));
            };
            let data = data.map_err(io::Error::other)?;
            let released = self.recv.flow_control().release_capacity(data.len());
            released.map_err(io::Error::other)?;
            self.rest = data;
        }
        let len = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..len]);
        self.rest.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.send.reserve_capacity(buf.len());
        while self.send.capacity() == 0 {
            match ready!(self.send.poll_capacity(cx)) {
                Some(capacity) => capacity.map_err(io::Error::other)?,
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let capacity = self.send.capacity();
        let data = Bytes::copy_from_slice(&buf[..capacity.min(buf.len())]);
        let len = data.len();
        let sent = self.send.send_data(data, false);
        Poll::Ready(sent.map(|()| len).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.send.send_data(Bytes::new(), true);
        Poll::Ready(sent.map_err(io::Error::other))
    }
}
