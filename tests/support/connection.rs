use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    limit::{LIMIT, within},
    request::{Request, Via},
    response::{Link, Response},
};

/// A TCP connection that speaks HTTP/1 as far as a test tells it to.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Connects to a server.
    pub async fn open(addr: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(addr)).await;
        let stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("the socket takes options");
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Prepares a request on this connection, which stays open for the next.
    pub fn request(&mut self, method: &str, path: &str) -> Request<'_> {
        Request::new(Via::Kept(self), method, path)
    }

    /// Prepares a `GET` request.
    pub fn get(&mut self, path: &str) -> Request<'_> {
        self.request("GET", path)
    }

    /// Prepares a `POST` request.
    pub fn post(&mut self, path: &str) -> Request<'_> {
        self.request("POST", path)
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = within("room to write", self.stream.write_all(bytes.as_ref())).await;
        written.expect("the server reads");
    }

    /// Reads the head of the next response, for requests that were written by hand. `method` is the
    /// request's: a response to `HEAD` has no body.
    pub async fn response(&mut self, method: &str) -> Response<'_> {
        Response::read(Link::Kept(self), method).await
    }

    /// Returns the client's address, as the server should see it.
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("the socket is bound")
    }

    /// Ends the writing half, as a client does that is gone but for its socket.
    pub async fn half_close(&mut self) {
        self.stream
            .shutdown()
            .await
            .expect("the connection is open");
    }

    /// Ends the connection so that the server sees a reset and no orderly end.
    pub fn reset(self) {
        self.stream
            .set_zero_linger()
            .expect("the socket takes options");
    }

    /// Waits until the server ends the connection.
    ///
    /// # Panics
    ///
    /// When it sends more bytes instead.
    pub async fn ended(&mut self) {
        let more = self.fill().await;
        assert!(
            !more && self.buffer.is_empty(),
            "the end expected: {:?}",
            self.buffer
        );
    }

    /// Waits for bytes that were not taken yet. Nothing is lost when the future is dropped.
    pub(crate) async fn readable(&mut self) {
        if self.buffer.is_empty() {
            self.fill().await;
        }
    }

    /// Takes the bytes up to and including `end`.
    pub(crate) async fn take_until(&mut self, end: &[u8]) -> Bytes {
        loop {
            if let Some(at) = self
                .buffer
                .windows(end.len())
                .position(|window| window == end)
            {
                return self.buffer.split_to(at + end.len()).freeze();
            }
            let more = self.fill().await;
            assert!(more, "the connection ended after {:?}", self.buffer);
        }
    }

    /// Takes as many bytes.
    pub(crate) async fn take(&mut self, len: usize) -> Bytes {
        while self.buffer.len() < len {
            let more = self.fill().await;
            assert!(more, "the connection ended after {:?}", self.buffer);
        }
        self.buffer.split_to(len).freeze()
    }

    /// Takes what is there, at most `len` bytes; waits when nothing is. `None` is the connection's
    /// end.
    pub(crate) async fn take_some(&mut self, len: usize) -> Option<Bytes> {
        self.readable().await;
        let len = len.min(self.buffer.len());
        (len > 0).then(|| self.buffer.split_to(len).freeze())
    }

    /// Reads more bytes; returns whether there were any.
    async fn fill(&mut self) -> bool {
        let read = tokio::time::timeout(LIMIT, self.stream.read_buf(&mut self.buffer)).await;
        let Ok(read) = read else {
            panic!("waited {LIMIT:?} for more than {:?}", self.buffer);
        };
        // A reset is an end like any other; a test that minds looks at what came before.
        read.unwrap_or(0) > 0
    }
}
