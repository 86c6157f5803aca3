use std::net::SocketAddr;

use crate::{
    connection::Connection,
    response::{Link, Response},
};

/// A request before it is sent.
///
/// It says `Host`, and `Content-Length` when it is a `POST`, and nothing else by itself.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'c> {
    via: Via<'c>,
    method: String,
    path: String,
    version: &'static str,
    headers: Vec<u8>,
    body: Body,
}

impl<'c> Request<'c> {
    pub(crate) fn new(via: Via<'c>, method: &str, path: &str) -> Self {
        let body = if method == "POST" {
            Body::Whole(Vec::new())
        } else {
            Body::None
        };
        Self {
            via,
            method: method.to_owned(),
            path: path.to_owned(),
            version: "HTTP/1.1",
            headers: b"Host: localhost\r\n".to_vec(),
            body,
        }
    }

    /// Adds a header field, byte for byte.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.extend_from_slice(name.as_bytes());
        self.headers.extend_from_slice(b": ");
        self.headers.extend_from_slice(value.as_ref());
        self.headers.extend_from_slice(b"\r\n");
        self
    }

    /// Replaces the name under which the server is asked.
    pub fn host(mut self, host: &str) -> Self {
        let end = self.headers.iter().position(|b| *b == b'\n');
        let end = end.expect("`new` writes a line") + 1;
        self.headers
            .splice(..end, format!("Host: {host}\r\n").into_bytes());
        self
    }

    /// Sets the body, announced with its length.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Body::Whole(body.as_ref().to_vec());
        self
    }

    /// Sets the body, sent in these chunks.
    pub fn chunks<C: AsRef<[u8]>>(mut self, chunks: impl IntoIterator<Item = C>) -> Self {
        let chunks = chunks.into_iter().map(|chunk| chunk.as_ref().to_vec());
        self.body = Body::Chunked(chunks.collect());
        self
    }

    /// Leaves the body out, and with it every word about a body.
    pub fn no_body(mut self) -> Self {
        self.body = Body::None;
        self
    }

    /// Sends the request as HTTP/1.0.
    pub fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Returns the request line: method, path and version.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.version)
    }

    /// Returns the bytes to write.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.line()).into_bytes();
        bytes.extend_from_slice(&self.headers);
        match &self.body {
            Body::None => bytes.extend_from_slice(b"\r\n"),
            Body::Whole(body) => {
                bytes.extend_from_slice(
                    format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
                );
                bytes.extend_from_slice(body);
            }
            Body::Chunked(chunks) => {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        bytes
    }

    /// Sends the request; does not wait for an answer.
    pub async fn start(self) -> Pending<'c> {
        let bytes = self.to_bytes();
        let mut link = match self.via {
            Via::Fresh(addr) => Link::Own(Connection::open(addr).await),
            Via::Kept(connection) => Link::Kept(connection),
        };
        link.write(bytes).await;
        Pending {
            link,
            method: self.method,
        }
    }

    /// Sends the request and waits for the head of its response.
    pub async fn send(self) -> Response<'c> {
        self.start().await.response().await
    }
}

/// A request that was sent and not answered yet. Dropping one that has a connection of its own ends
/// the connection.
#[derive(Debug)]
pub struct Pending<'c> {
    link: Link<'c>,
    method: String,
}

impl<'c> Pending<'c> {
    /// Waits for the head of the response.
    pub async fn response(self) -> Response<'c> {
        Response::read(self.link, &self.method).await
    }

    /// Waits until an answer begins. Nothing is lost when the future is dropped.
    pub async fn answered(&mut self) {
        self.link.readable().await;
    }

    /// Returns the connection.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.link
    }
}

impl Pending<'static> {
    /// Takes the connection, for a test that ends it in its own way.
    pub fn into_connection(self) -> Connection {
        self.link.into_connection()
    }
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Via<'c> {
    Fresh(SocketAddr),
    Kept(&'c mut Connection),
}

#[derive(Debug)]
enum Body {
    None,
    Whole(Vec<u8>),
    Chunked(Vec<Vec<u8>>),
}
