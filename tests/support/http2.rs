use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use h2::{RecvStream, SendStream, client::SendRequest, ext::Protocol};
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
