//! The streaming transports: one response that brings frame after frame.

use bytes::BytesMut;

use super::framing::Framing;
use super::http::Connection;
use super::receive::Receive;
use super::upload::Upload;
use super::{ClientError, Take, frame};
use crate::target::{SessionId, Target};

/// A session whose receive request is a stream, opened again when the server ends it.
#[derive(Debug)]
pub(crate) struct Streaming {
    receive: Receive,
    framing: Framing,
    connection: Connection,
    body: BytesMut,
    upload: Upload,
}

impl Streaming {
    pub(crate) async fn open_xhr(target: &Target) -> Result<Self, ClientError> {
        let id = SessionId::fresh();
        let receive = Receive::Post(target.session_path(&id, "xhr_streaming"));
        Self::open(target, &id, receive, Framing::Lines).await
    }

    pub(crate) async fn open_eventsource(target: &Target) -> Result<Self, ClientError> {
        let id = SessionId::fresh();
        let receive = Receive::Get(target.session_path(&id, "eventsource"));
        Self::open(target, &id, receive, Framing::Events).await
    }

    pub(crate) async fn open_htmlfile(target: &Target) -> Result<Self, ClientError> {
        let id = SessionId::fresh();
        let receive = Receive::Get(target.session_path(&id, "htmlfile?c=c"));
        Self::open(target, &id, receive, Framing::Scripts).await
    }

    /// Goes on with a session that is open.
    pub(crate) async fn go_on(target: &Target, id: &SessionId) -> Result<Self, ClientError> {
        let receive = Receive::Post(target.session_path(id, "xhr_streaming"));
        let mut session = Self::new(target, id, receive, Framing::Lines);
        session.request().await?;
        Ok(session)
    }

    fn new(target: &Target, id: &SessionId, receive: Receive, framing: Framing) -> Self {
        Self {
            receive,
            framing,
            connection: Connection::new(target),
            body: BytesMut::new(),
            upload: Upload::xhr(target, id),
        }
    }

    async fn open(
        target: &Target,
        id: &SessionId,
        receive: Receive,
        framing: Framing,
    ) -> Result<Self, ClientError> {
        let mut session = Self::new(target, id, receive, framing);
        session.request().await?;
        // Of a new session the first frame opens it. Before it there may be padding, which is either
        // no frame or heartbeats.
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

    pub(crate) async fn send(&mut self, messages: &[String]) -> Result<(), ClientError> {
        self.upload.send(messages).await
    }

    /// Waits for a frame, and hands the messages of all that have arrived to `take`.
    pub(crate) async fn receive(&mut self, take: &mut Take<'_>) -> Result<(), ClientError> {
        self.each_frame(&mut |text| frame::read(text, take)).await
    }

    /// Waits for a frame, and hands all that have arrived to `take`.
    async fn each_frame(&mut self, take: &mut Take<'_>) -> Result<(), ClientError> {
        while !self.framing.take_all(&mut self.body, take)? {
            if !self.connection.read(&mut self.body).await? {
                self.request().await?;
            }
        }
        Ok(())
    }

    async fn request(&mut self) -> Result<(), ClientError> {
        self.body.clear();
        self.connection.request(self.receive.request(), 200).await
    }
}
