use std::ops::{Deref, DerefMut};

use bytes::{Bytes, BytesMut};

use crate::{connection::Connection, headers::Headers};

/// A response whose head was read and whose body is read as the test asks for it.
#[derive(Debug)]
pub struct Response<'c> {
    /// The version the server answered with, `HTTP/1.1`.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    link: Link<'c>,
    framing: Framing,
    /// Bytes of the body that were read and not taken.
    rest: BytesMut,
}

impl<'c> Response<'c> {
    pub(crate) async fn read(mut link: Link<'c>, method: &str) -> Self {
        let head = link.take_until(b"\r\n\r\n").await;
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.trim_end().split("\r\n");
        let mut status_line = lines.next().unwrap_or_default().splitn(3, ' ');
        let version = status_line.next().unwrap_or_default().to_owned();
        let status = status_line.next().and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {head:?}"));
        let headers = Headers::parse(lines);
        let framing = Framing::of(method, status, &headers);
        Self {
            version,
            status,
            headers,
            link,
            framing,
            rest: BytesMut::new(),
        }
    }

    /// Takes the next piece of the body: of a chunked one exactly one chunk, else what arrived.
    /// `None` is the body's end.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        if !self.rest.is_empty() {
            return Some(self.rest.split().freeze());
        }
        match &mut self.framing {
            Framing::Ended => None,
            Framing::Length(left) => {
                let piece = self.link.take_some(*left).await;
                let piece = piece.expect("the connection does not end inside a body");
                *left -= piece.len();
                if *left == 0 {
                    self.framing = Framing::Ended;
                }
                Some(piece)
            }
            Framing::Chunked => {
                let line = self.link.take_until(b"\r\n").await;
                let len = std::str::from_utf8(line.trim_ascii()).ok();
                let len = len.and_then(|len| usize::from_str_radix(len, 16).ok());
                let len = len.unwrap_or_else(|| panic!("no chunk size: {line:?}"));
                let mut chunk = self.link.take(len + 2).await;
                assert_eq!(chunk.split_off(len), "\r\n", "after the chunk {chunk:?}");
                if len == 0 {
                    self.framing = Framing::Ended;
                    return None;
                }
                Some(chunk)
            }
            Framing::UntilEnd => {
                let piece = self.link.take_some(usize::MAX).await;
                if piece.is_none() {
                    self.framing = Framing::Ended;
                }
                piece
            }
        }
    }

    /// Takes exactly the bytes that are expected, whatever chunks they come in.
    ///
    /// # Panics
    ///
    /// As soon as a byte differs.
    pub async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let mut expected = Bytes::copy_from_slice(expected.as_ref());
        while !expected.is_empty() {
            let Some(mut chunk) = self.chunk().await else {
                panic!("the body ended, {expected:?} did not come");
            };
            let common = chunk.len().min(expected.len());
            assert_eq!(
                chunk.split_to(common),
                expected.split_to(common),
                "{chunk:?} follows"
            );
            self.rest.extend_from_slice(&chunk);
        }
    }

    /// Takes all up to and including `end`.
    ///
    /// # Panics
    ///
    /// When the body ends before.
    pub async fn until(&mut self, end: &[u8]) -> Bytes {
        let mut bytes = BytesMut::new();
        loop {
            if let Some(at) = bytes.windows(end.len()).position(|window| window == end) {
                self.rest
                    .extend_from_slice(&bytes.split_off(at + end.len()));
                return bytes.freeze();
            }
            match self.chunk().await {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => panic!("the body ended after {bytes:?}"),
            }
        }
    }

    /// Returns whether the body has ended; waits until it ends or goes on.
    pub async fn at_end(&mut self) -> bool {
        match self.chunk().await {
            Some(chunk) => {
                self.rest.extend_from_slice(&chunk);
                false
            }
            None => true,
        }
    }

    /// Waits for the body's end.
    ///
    /// # Panics
    ///
    /// When it goes on instead.
    pub async fn end(mut self) {
        assert!(self.at_end().await, "the body goes on: {:?}", self.rest);
    }

    /// Reads the rest of the body.
    pub async fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await {
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    /// Reads the rest of the body, which is text.
    pub async fn text(self) -> String {
        String::from_utf8(self.bytes().await).expect("the body is UTF-8")
    }

    /// Returns the connection.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.link
    }

    /// Returns the value of a header field that came at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

impl Response<'static> {
    /// Takes the connection, for a test that ends it in its own way.
    pub fn into_connection(self) -> Connection {
        self.link.into_connection()
    }
}

/// The connection of a request: its own, or one that is kept for more.
#[derive(Debug)]
pub(crate) enum Link<'c> {
    Own(Connection),
    Kept(&'c mut Connection),
}

impl Link<'static> {
    pub(crate) fn into_connection(self) -> Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Kept(_) => unreachable!("nothing is borrowed for 'static"),
        }
    }
}

impl Deref for Link<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Kept(connection) => connection,
        }
    }
}

impl DerefMut for Link<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Kept(connection) => connection,
        }
    }
}

/// How the end of a body is found.
#[derive(Debug)]
enum Framing {
    Ended,
    Length(usize),
    Chunked,
    UntilEnd,
}

impl Framing {
    fn of(method: &str, status: u16, headers: &Headers) -> Self {
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Self::Ended;
        }
        let length = headers.get("content-length");
        match headers.get("transfer-encoding") {
            Some("chunked") => {
                assert_eq!(length, None, "a chunked body says no length");
                Self::Chunked
            }
            Some(other) => panic!("transfer encoding {other}"),
            None => match length.map(|length| length.parse().expect("a length is a number")) {
                Some(0) => Self::Ended,
                Some(length) => Self::Length(length),
                None => Self::UntilEnd,
            },
        }
    }
}
