//! An HTTP connection for one request at a time.
//!
//! The server is to have more work than the generator, or the generator is what is measured. So this
//! does no more than the clients here need.

use std::fmt;
use std::io::Write;
use std::str;

use bytes::{Buf, BytesMut};
use httparse::Header;
use tokio::io::AsyncWriteExt;

use super::ClientError;
use super::body::{Body, Chunk};
use crate::stream::Stream;
use crate::target::Target;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    method: &'static str,
    path: &'a str,
    content_type: &'static str,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            content_type: "",
            body: b"",
        }
    }

    pub(crate) fn post(path: &'a str, body: &'a [u8]) -> Self {
        Self {
            method: "POST",
            path,
            content_type: "text/plain",
            body,
        }
    }

    pub(crate) fn post_form(path: &'a str, body: &'a [u8]) -> Self {
        Self {
            content_type: "application/x-www-form-urlencoded",
            ..Self::post(path, body)
        }
    }

    fn write(self, host: &str, output: &mut Vec<u8>) {
        let Self { method, path, .. } = self;
        write!(output, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n")
            .expect("a vector takes everything");
        if method == "POST" {
            let (content_type, length) = (self.content_type, self.body.len());
            write!(
                output,
                "Content-Type: {content_type}\r\nContent-Length: {length}\r\n"
            )
            .expect("a vector takes everything");
        }
        output.extend_from_slice(b"\r\n");
        output.extend_from_slice(self.body);
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A connection, made with the first request, and anew after the server has ended it.
#[derive(Debug)]
pub(crate) struct Connection {
    target: Target,
    stream: Option<Stream>,
    input: BytesMut,
    output: Vec<u8>,
    body: Body,
    /// Whether the server takes another request on this connection.
    persistent: bool,
}

impl Connection {
    pub(crate) fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            stream: None,
            input: BytesMut::new(),
            output: Vec::new(),
            body: Body::OVER,
            persistent: true,
        }
    }

    /// Sends a request, and waits for the head of its response, which has to have `status`.
    pub(crate) async fn request(
        &mut self,
        request: Request<'_>,
        status: u16,
    ) -> Result<(), ClientError> {
        self.start(request).await?;
        self.expect(request, status).await
    }

    /// Sends a request, and returns the whole body of the response.
    pub(crate) async fn fetch(&mut self, request: Request<'_>) -> Result<BytesMut, ClientError> {
        self.start(request).await?;
        self.finish(request).await
    }

    /// Waits for the head of the response to `request`, which has to have `status`.
    pub(crate) async fn expect(
        &mut self,
        request: Request<'_>,
        status: u16,
    ) -> Result<(), ClientError> {
        match self.read_head().await? {
            actual if actual == status => Ok(()),
            actual => Err(ClientError::Status {
                request: request.to_string(),
                status: actual,
            }),
        }
    }

    /// Returns the whole body of the response to `request`.
    pub(crate) async fn finish(&mut self, request: Request<'_>) -> Result<BytesMut, ClientError> {
        self.expect(request, 200).await?;
        let mut response = BytesMut::new();
        while self.read(&mut response).await? {}
        Ok(response)
    }

    /// Sends a request.
    pub(crate) async fn start(&mut self, request: Request<'_>) -> Result<(), ClientError> {
        let stream = match &mut self.stream {
            Some(stream) if self.persistent => stream,
            none => {
                self.input.clear();
                none.insert(self.target.connect().await?)
            }
        };
        self.output.clear();
        request.write(self.target.host(), &mut self.output);
        stream.write_all(&self.output).await?;
        Ok(())
    }

    /// Waits for the head of a response, and returns its status.
    async fn read_head(&mut self) -> Result<u16, ClientError> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut headers);
            let head = response.parse(&self.input);
            let Ok(head) = head else {
                return Err(ClientError::malformed(&self.input));
            };
            let httparse::Status::Complete(length) = head else {
                self.fill().await?;
                continue;
            };
            let status = response.code.unwrap_or_default();
            self.body = body(status, response.headers)?;
            self.persistent = self.body != Body::Rest && !says_close(response.headers);
            self.input.advance(length);
            return Ok(status);
        }
    }

    /// Waits for more of the body and appends it to `output`. Returns `false` when there is no more.
    pub(crate) async fn read(&mut self, output: &mut BytesMut) -> Result<bool, ClientError> {
        let before = output.len();
        loop {
            self.body.read(&mut self.input, output)?;
            if output.len() > before {
                return Ok(true);
            }
            if self.body == Body::OVER {
                return Ok(false);
            }
            match self.fill().await {
                Err(ClientError::Disconnected) if self.body == Body::Rest => {
                    self.body = Body::OVER;
                }
                filled => filled?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), ClientError> {
        let stream = self.stream.as_mut().ok_or(ClientError::Disconnected)?;
        let read = super::read_more(stream, &mut self.input).await;
        if read.is_err() {
            self.stream = None;
        }
        read
    }
}

/// Returns what kind of body follows a head.
fn body(status: u16, headers: &[Header<'_>]) -> Result<Body, ClientError> {
    if matches!(status, 100..200 | 204 | 304) {
        return Ok(Body::OVER);
    }
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = str::from_utf8(header.value).ok();
            let length = length.and_then(|length| length.parse().ok());
            let length = length.ok_or_else(|| ClientError::malformed(header.value))?;
            return Ok(Body::Length(length));
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Body::Chunked(Chunk::Size));
        }
    }
    Ok(Body::Rest)
}

fn says_close(headers: &[Header<'_>]) -> bool {
    headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("connection")
            && header.value.eq_ignore_ascii_case(b"close")
    })
}
