//! `xhr_streaming` over HTTP/2: a session is a stream of a connection that it shares.

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderValue, Method, Request, Uri, header};

use super::framing::Framing;
use super::{ClientError, Take, frame};
use crate::target::{SessionId, Target};

/// A session whose receive request is a stream, opened again when the server ends it.
#[derive(Debug)]
pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
    receive: Uri,
    send: Uri,
    frames: RecvStream,
    body: BytesMut,
}

impl Http2 {
    pub(crate) async fn open(target: &Target) -> Result<Self, ClientError> {
        let id = SessionId::fresh();
        let requests = target.http2().await?;
        let receive = uri(target, &target.session_path(&id, "xhr_streaming"))?;
        let frames = post(&requests, &receive, Bytes::new(), 200).await?;
        let mut session = Self {
            requests,
            receive,
            send: uri(target, &target.session_path(&id, "xhr_send"))?,
            frames,
            body: BytesMut::new(),
        };
        let mut opened = false;
        while !opened {
            session
                .each_frame(&mut |text| {
                    opened |= text == "o";
                    frame::read(text, &mut |_| Ok(()))
                })
                .await?;
        }
        Ok(session)
    }

    /// Sends all messages with one request.
    pub(crate) async fn send(&mut self, messages: &[String]) -> Result<(), ClientError> {
        let mut array = Vec::new();
        super::write_array(messages, &mut array);
        // A response of 204 has no body.
        drop(post(&self.requests, &self.send, array.into(), 204).await?);
        Ok(())
    }

    /// Waits for a frame, and hands the messages of all that have arrived to `take`.
    pub(crate) async fn receive(&mut self, take: &mut Take<'_>) -> Result<(), ClientError> {
        self.each_frame(&mut |text| frame::read(text, take)).await
    }

    async fn each_frame(&mut self, take: &mut Take<'_>) -> Result<(), ClientError> {
        while !Framing::Lines.take_all(&mut self.body, take)? {
            match self.frames.data().await {
                Some(data) => {
                    let data = data?;
                    self.frames.flow_control().release_capacity(data.len())?;
                    self.body.extend_from_slice(&data);
                }
                None => {
                    self.body.clear();
                    self.frames = post(&self.requests, &self.receive, Bytes::new(), 200).await?;
                }
            }
        }
        Ok(())
    }
}

/// Posts nothing, and returns the whole body of the response.
pub(crate) async fn ask(target: &Target, path: &str) -> Result<BytesMut, ClientError> {
    let requests = target.http2().await?;
    let mut response = post(&requests, &uri(target, path)?, Bytes::new(), 200).await?;
    let mut body = BytesMut::new();
    while let Some(data) = response.data().await {
        body.extend_from_slice(&data?);
    }
    Ok(body)
}

fn uri(target: &Target, path: &str) -> Result<Uri, ClientError> {
    let uri = format!("http://{}{path}", target.host());
    uri.parse().map_err(|_| ClientError::malformed(uri))
}

/// Posts `body`, and returns the body of the response, which has to have `status`.
async fn post(
    requests: &SendRequest<Bytes>,
    uri: &Uri,
    body: Bytes,
    status: u16,
) -> Result<RecvStream, ClientError> {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let text = HeaderValue::from_static("text/plain");
    request.headers_mut().insert(header::CONTENT_TYPE, text);
    let response = start(requests.clone(), request, body).await?.await?;
    match response.status().as_u16() {
        actual if actual == status => Ok(response.into_body()),
        actual => Err(ClientError::Status {
            request: format!("POST {uri}"),
            status: actual,
        }),
    }
}

async fn start(
    requests: SendRequest<Bytes>,
    request: Request<()>,
    body: Bytes,
) -> Result<ResponseFuture, ClientError> {
    let mut requests = requests.ready().await?;
    let (response, mut stream) = requests.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(body, true)?;
    }
    Ok(response)
}
