use std::{io, net::SocketAddr, time::Duration};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    frame::{Frame, Opcode},
    headers::Headers,
    http2::Http2Stream,
    limit::{LIMIT, within},
    request::{Request, Via},
    server::Server,
};

impl Server {
    /// Prepares the handshake of a WebSocket, on a connection of its own.
    pub fn websocket(&self, path: &str) -> Handshake {
        Handshake::new(self.addr(), path)
    }
}

/// A handshake before it is sent: a valid one, unless a test changes it.
#[derive(Clone, Debug)]
#[must_use = "a handshake does nothing until it is sent"]
pub struct Handshake {
    addr: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    early: Vec<u8>,
}

impl Handshake {
    /// What the server answers the key of a valid handshake with.
    pub const ACCEPT: &'static str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    pub(crate) fn new(addr: SocketAddr, path: &str) -> Self {
        let handshake = Self {
            addr,
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            early: Vec::new(),
        };
        handshake
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", KEY)
    }

    /// Sets another method.
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Sets a header field in place of those of that name.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).and_header(name, value)
    }

    /// Adds a header field to those of that name.
    pub fn and_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Leaves a header field out.
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }

    /// Adds bytes that are sent together with the handshake, before its answer.
    pub fn followed_by(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.early.extend_from_slice(bytes.as_ref());
        self
    }

    /// Returns the handshake as the request it is, for one that is not to become a WebSocket.
    pub fn request(self) -> Request<'static> {
        let request = Request::new(Via::Fresh(self.addr), &self.method, &self.path);
        let headers = self.headers.into_iter();
        headers.fold(request, |request, (name, value)| {
            request.header(&name, value)
        })
    }

    /// Sends the handshake and waits until the connection is a WebSocket.
    ///
    /// # Panics
    ///
    /// When it does not become one.
    pub async fn open(self) -> WebSocket {
        let stream = within("a connection", TcpStream::connect(self.addr)).await;
        let stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("the socket takes options");
        self.open_over(stream).await
    }

    /// Does the same on a connection that is already there.
    pub async fn open_over<S>(mut self, stream: S) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let early = std::mem::take(&mut self.early);
        let mut socket = WebSocket::over(stream);
        socket
            .write([self.request().to_bytes(), early].concat())
            .await;
        let head = socket.head().await;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap_or_default();
        assert_eq!(status, "HTTP/1.1 101 Switching Protocols", "{head}");
        socket.headers = Headers::parse(lines);
        socket
    }
}

/// A WebSocket as its client sees it: every frame, and every byte if a test wants it.
#[derive(Debug)]
pub struct WebSocket<S = TcpStream> {
    /// The header fields of the answer to the handshake.
    pub headers: Headers,
    stream: S,
    buffer: BytesMut,
}

impl<S> WebSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Takes a stream that is a WebSocket already.
    pub fn over(stream: S) -> Self {
        Self {
            headers: Headers::default(),
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = within("room to write", self.stream.write_all(bytes.as_ref())).await;
        written.expect("the server reads");
    }

    /// Writes bytes until the server takes no more for a moment; returns how many it took, be that
    /// all.
    pub async fn write_until_blocked(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            let write = self.stream.write(&bytes[written..]);
            match tokio::time::timeout(MOMENT, write).await {
                Ok(count) => written += count.expect("the server reads"),
                Err(_) => break,
            }
        }
        written
    }

    /// Waits until something arrived that was not read before.
    pub async fn readable(&mut self) {
        let read = self.fill().await;
        assert!(matches!(read, Ok(1..)), "the connection ended");
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Frame) {
        self.write(frame.masked()).await;
    }

    /// Sends a text frame.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send(Frame::text(text)).await;
    }

    /// Reads the next frame.
    ///
    /// # Panics
    ///
    /// When the connection ends instead.
    pub async fn frame(&mut self) -> Frame {
        let frame = self.try_frame().await;
        frame.unwrap_or_else(|| panic!("the connection ended after {:?}", self.buffer))
    }

    /// Reads the next frame; `None` when the connection ends instead, by a reset or well.
    pub async fn try_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::parse(&mut self.buffer) {
                return Some(frame);
            }
            if !matches!(self.fill().await, Ok(1..)) {
                return None;
            }
        }
    }

    /// Reads the next frame, which is a whole text frame.
    pub async fn text(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!((frame.opcode, frame.fin), (Opcode::Text, true), "{frame:?}");
        String::from_utf8(frame.payload.to_vec()).expect("text is UTF-8")
    }

    /// Reads the next frame, which is a text frame with this text, byte for byte.
    pub async fn expect(&mut self, text: &str) {
        assert_eq!(self.text().await, text);
    }

    /// Reads the next frame, which is a close frame with this code and reason.
    pub async fn expect_close(&mut self, code: u16, reason: &str) {
        let frame = self.frame().await;
        assert_eq!(frame, Frame::close(code, reason));
    }

    /// Reads text frames until `count` messages have come, and returns them.
    pub async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages: Vec<String> = Vec::new();
        while messages.len() < count {
            let frame = self.text().await;
            let array = frame
                .strip_prefix('a')
                .unwrap_or_else(|| panic!("messages: {frame}"));
            let array: Vec<String> = serde_json::from_str(array).expect("an array of strings");
            assert!(!array.is_empty(), "a frame without messages");
            messages.extend(array);
        }
        messages
    }

    /// Waits until the server has ended the connection, in good order.
    ///
    /// # Panics
    ///
    /// When it resets it, or more bytes come.
    pub async fn ended(&mut self) {
        let read = self.fill().await;
        let read = read.expect("the connection ends without a reset");
        assert!(
            read == 0 && self.buffer.is_empty(),
            "the end expected: {:?}",
            self.buffer
        );
    }

    /// Waits until the connection is over, whatever comes before and in whatever way.
    pub async fn gone(&mut self) {
        while matches!(self.fill().await, Ok(1..)) {
            self.buffer.clear();
        }
    }

    /// Ends the writing half of the connection without a close frame.
    pub async fn half_close(&mut self) {
        let shutdown = self.stream.shutdown().await;
        shutdown.expect("the connection is open");
    }

    /// Takes the head of the answer to the handshake.
    async fn head(&mut self) -> String {
        let end = b"\r\n\r\n";
        loop {
            let found = self.buffer.windows(end.len()).position(|it| it == end);
            if let Some(at) = found {
                let head = self.buffer.copy_to_bytes(at + end.len());
                return String::from_utf8(head.to_vec()).expect("a head is ASCII");
            }
            let read = self.fill().await;
            assert!(
                matches!(read, Ok(1..)),
                "the connection ended after {:?}",
                self.buffer
            );
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let read = self.stream.read_buf(&mut self.buffer);
        match tokio::time::timeout(LIMIT, read).await {
            Ok(read) => read,
            Err(_) => panic!("waited {LIMIT:?} for more than {:?}", self.buffer),
        }
    }
}

impl WebSocket {
    /// Ends the connection so that the server sees a reset and no orderly end.
    pub fn reset(self) {
        self.stream
            .set_zero_linger()
            .expect("the socket takes options");
    }
}

impl WebSocket<Http2Stream> {
    /// Resets the stream.
    pub fn reset(self) {
        self.stream.reset();
    }
}

/// The key of the example in RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// After how long a write that waits counts as blocked. A machine that is slow for longer than this
/// makes a test see a block too early, which proves less but is no failure.
const MOMENT: Duration = Duration::from_millis(300);
