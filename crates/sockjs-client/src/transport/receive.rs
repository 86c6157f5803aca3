use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::sleep;

use super::limits::Limits;
use crate::TransportError;
use crate::frame::Frame;
use crate::framing::Framing;
use crate::http::{Channel, Server, refusal};

/// Receives frames in the bodies of responses, one response after the other.
#[derive(Debug)]
pub(crate) struct HttpReceiver {
    channel: Channel,
    method: &'static str,
    /// The URL of the session below the mount, and the end of the transport.
    below: String,
    framing: Framing,
    limits: Limits,
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    body: Incoming,
    /// Whether a frame was in it.
    has_frame: bool,
}

impl HttpReceiver {
    pub(super) fn new(
        server: Arc<Server>,
        method: &'static str,
        below: String,
        framing: Framing,
        limits: Limits,
    ) -> Self {
        Self {
            channel: Channel::new(server),
            method,
            below,
            framing,
            limits,
            body: None,
        }
    }

    /// Waits for the next frame.
    pub(super) async fn next(&mut self) -> Result<Frame, TransportError> {
        loop {
            if let Some(text) = self.framing.next()? {
                if let Some(body) = &mut self.body {
                    body.has_frame = true;
                }
                return Frame::decode(&text, self.limits.frame);
            }
            let Some(body) = &mut self.body else {
                let silence = self.limits.silence;
                let response = silence.within(self.request()).await?;
                self.body = Some(Body {
                    body: response?.into_body(),
                    has_frame: false,
                });
                continue;
            };
            match self.limits.silence.within(body.body.frame()).await? {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.framing.push(&data);
                    }
                }
                Some(Err(error)) => return Err(TransportError::lost(error)),
                None => {
                    let has_frame = body.has_frame;
                    self.body = None;
                    self.framing.finish()?;
                    if !has_frame {
                        // Something between here and the server gives empty responses. Asking at
                        // once would ask without end.
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    fn request(
        &mut self,
    ) -> impl Future<Output = Result<Response<Incoming>, TransportError>> + use<'_> {
        let request = self
            .channel
            .server
            .request(self.method, &self.below)
            .body(Full::<Bytes>::default());
        let channel = &mut self.channel;
        async move {
            let response = channel.send(request.map_err(TransportError::lost)?).await?;
            if response.status() == StatusCode::OK {
                Ok(response)
            } else {
                Err(refusal(response).await)
            }
        }
    }
}

const PAUSE: Duration = Duration::from_millis(100);
