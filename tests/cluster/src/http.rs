//! As much of an HTTP/1.1 client as the tests need. Each request has a connection of its own.

use std::io;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A response whose body is yet to be read.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    stream: TcpStream,
    /// What has arrived and was not returned.
    rest: Vec<u8>,
    body: Body,
}

/// What is left of a body.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// The next chunk begins.
    Chunked,
    /// So many bytes of a chunk.
    Chunk(usize),
    Length(usize),
    UntilClosed,
    Over,
}

/// Sends a request, and waits for the head of the response.
pub(crate) async fn request(
    port: u16,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<Response> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let length = match method {
        "POST" => format!(
            "Content-Length: {}\r\nContent-Type: text/plain\r\n",
            body.len()
        ),
        _ => String::new(),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{length}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;

    let mut rest = Vec::new();
    let end = loop {
        if let Some(end) = find(&rest, b"\r\n\r\n") {
            break end;
        }
        read(&mut stream, &mut rest).await?;
    };
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    rest.drain(..end + 4);
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let mut response = Response {
        status: status.ok_or_else(broken)?,
        body: Body::UntilClosed,
        head,
        stream,
        rest,
    };
    if response.status == 204 {
        response.body = Body::Over;
    } else if response.header("transfer-encoding").is_some() {
        response.body = Body::Chunked;
    } else if let Some(length) = response.header("content-length") {
        response.body = Body::Length(length.parse().map_err(|_| broken())?);
    }
    Ok(response)
}

/// Returns the body of a page.
pub(crate) async fn get(port: u16, path: &str) -> Result<String> {
    let mut response = request(port, "GET", path, "").await?;
    ensure!(response.status == 200, "{path}: {}", response.status);
    Ok(response.text().await?)
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1);
        let mut headers = lines.filter_map(|line| line.split_once(": "));
        let header = headers.find(|(it, _)| it.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value)
    }

    /// Returns the next bytes of the body, and nothing at its end.
    ///
    /// # Errors
    ///
    /// If the body breaks off.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match self.body {
                Body::Over | Body::Length(0) => return Ok(None),
                Body::UntilClosed => {
                    if self.rest.is_empty() && read(&mut self.stream, &mut self.rest).await.is_err()
                    {
                        self.body = Body::Over;
                        return Ok(None);
                    }
                    return Ok(Some(std::mem::take(&mut self.rest)));
                }
                Body::Length(left) => {
                    let bytes = self.take(left).await?;
                    self.body = Body::Length(left - bytes.len());
                    return Ok(Some(bytes));
                }
                Body::Chunked => {
                    let Some(end) = find(&self.rest, b"\r\n") else {
                        read(&mut self.stream, &mut self.rest).await?;
                        continue;
                    };
                    let line = String::from_utf8_lossy(&self.rest[..end]).into_owned();
                    let len = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
                    self.rest.drain(..end + 2);
                    self.body = if len == 0 {
                        Body::Over
                    } else {
                        Body::Chunk(len)
                    };
                }
                Body::Chunk(0) => {
                    while self.rest.len() < 2 {
                        read(&mut self.stream, &mut self.rest).await?;
                    }
                    self.rest.drain(..2);
                    self.body = Body::Chunked;
                }
                Body::Chunk(left) => {
                    let bytes = self.take(left).await?;
                    self.body = Body::Chunk(left - bytes.len());
                    return Ok(Some(bytes));
                }
            }
        }
    }

    pub(crate) async fn text(&mut self) -> io::Result<String> {
        let mut body = Vec::new();
        while let Some(bytes) = self.next().await? {
            body.extend(bytes);
        }
        String::from_utf8(body).map_err(|_| broken())
    }

    async fn take(&mut self, most: usize) -> io::Result<Vec<u8>> {
        if self.rest.is_empty() {
            read(&mut self.stream, &mut self.rest).await?;
        }
        let len = most.min(self.rest.len());
        Ok(self.rest.drain(..len).collect())
    }
}

/// Reads something, or fails.
async fn read(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(into).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|it| it == what)
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
