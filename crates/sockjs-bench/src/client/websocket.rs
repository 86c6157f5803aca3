//! Both WebSocket transports, over any connection.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::wire::{self, Frame};
use super::{ClientError, Take, frame};

/// What the text of a WebSocket frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Payload {
    /// A SockJS frame, and the other way an array of messages.
    SockJs,
    /// A message, both ways.
    Raw,
}

/// The client's end of a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    stream: S,
    payload: Payload,
    input: BytesMut,
    output: Vec<u8>,
    scratch: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Opens a WebSocket on `stream`, and waits for the open frame if there is to be one.
    pub(crate) async fn open(
        stream: S,
        host: &str,
        path: &str,
        payload: Payload,
    ) -> Result<Self, ClientError> {
        let mut socket = Self {
            stream,
            payload,
            input: BytesMut::new(),
            output: Vec::new(),
            scratch: Vec::new(),
        };
        // The key is the one of the RFC, and so has to be the answer to it.
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.stream.write_all(request.as_bytes()).await?;
        socket.read_handshake(path).await?;
        if payload == Payload::SockJs {
            socket.receive(&mut |_| Ok(())).await?;
        }
        Ok(socket)
    }

    async fn read_handshake(&mut self, path: &str) -> Result<(), ClientError> {
        const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        loop {
            self.fill().await?;
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut headers);
            let head = response.parse(&self.input);
            let Ok(head) = head else {
                return Err(ClientError::malformed(&self.input));
            };
            let httparse::Status::Complete(length) = head else {
                continue;
            };
            let accepted = response.headers.iter().any(|header| {
                header.name.eq_ignore_ascii_case("sec-websocket-accept") && header.value == ACCEPT
            });
            return match response.code {
                Some(101) if accepted => {
                    self.input.advance(length);
                    Ok(())
                }
                code => Err(ClientError::Status {
                    request: format!("GET {path}"),
                    status: code.unwrap_or_default(),
                }),
            };
        }
    }

    /// Sends messages, each in a frame of its own as the JavaScript client does, all at once.
    pub(crate) async fn send(&mut self, messages: &[String]) -> Result<(), ClientError> {
        for message in messages {
            let payload = match self.payload {
                Payload::Raw => message.as_bytes(),
                Payload::SockJs => {
                    super::write_array(std::slice::from_ref(message), &mut self.scratch);
                    &self.scratch
                }
            };
            wire::encode(wire::TEXT, payload, &mut self.output);
        }
        self.flush().await
    }

    /// Waits for a frame, and hands the messages of all that have arrived to `take`.
    pub(crate) async fn receive(&mut self, take: &mut Take<'_>) -> Result<(), ClientError> {
        loop {
            let mut received = false;
            while let Some((frame, length)) = wire::decode(&self.input)? {
                match frame {
                    Frame::Text(text) => {
                        received = true;
                        match self.payload {
                            Payload::Raw => take(text)?,
                            Payload::SockJs => frame::read(text, take)?,
                        }
                    }
                    Frame::Ping(data) => wire::encode(wire::PONG, data, &mut self.output),
                    Frame::Pong => {}
                    Frame::Close { code, reason } => {
                        return Err(ClientError::Closed(format!("{code} {reason}")));
                    }
                }
                self.input.advance(length);
            }
            if !self.output.is_empty() {
                self.flush().await?;
            }
            if received {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Keeps the session until the server closes it.
    pub(crate) async fn wait_for_close(mut self) -> Result<(), ClientError> {
        loop {
            match self.receive(&mut |_| Ok(())).await {
                Ok(()) => {}
                Err(ClientError::Closed(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes the WebSocket, and waits until the server has done so too.
    pub(crate) async fn close(mut self) -> Result<(), ClientError> {
        wire::encode(wire::CLOSE, &1000u16.to_be_bytes(), &mut self.output);
        self.flush().await?;
        match self.wait_for_close().await {
            Err(ClientError::Disconnected) => Ok(()),
            closed => closed,
        }
    }

    async fn flush(&mut self) -> Result<(), ClientError> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), ClientError> {
        super::read_more(&mut self.stream, &mut self.input).await
    }
}
