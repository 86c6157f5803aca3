//! The polling transports: each frame has a response of its own.

use bytes::BytesMut;

use super::framing::Framing;
use super::http::Connection;
use super::receive::Receive;
use super::upload::Upload;
use super::{ClientError, Take, frame};
use crate::target::{SessionId, Target};

/// A session that always has a receive request waiting.
#[derive(Debug)]
pub(crate) struct Polling {
    receive: Receive,
    framing: Framing,
    connection: Connection,
    body: BytesMut,
    upload: Upload,
}

impl Polling {
    pub(crate) async fn open_xhr(target: &Target) -> Result<Self, ClientError> {
        Self::open(Self::xhr(target, &SessionId::fresh())).await
    }

    /// Goes on with a session that is open.
    pub(crate) async fn go_on(target: &Target, id: &SessionId) -> Result<Self, ClientError> {
        let mut session = Self::xhr(target, id);
        session.ask().await?;
        Ok(session)
    }

    fn xhr(target: &Target, id: &SessionId) -> Self {
        Self {
            receive: Receive::Post(target.session_path(id, "xhr")),
            framing: Framing::Lines,
            connection: Connection::new(target),
            body: BytesMut::new(),
            upload: Upload::xhr(target, id),
        }
    }

    pub(crate) async fn open_jsonp(target: &Target) -> Result<Self, ClientError> {
        let id = SessionId::fresh();
        Self::open(Self {
            receive: Receive::Get(target.session_path(&id, "jsonp?c=c")),
            framing: Framing::Call,
            connection: Connection::new(target),
            body: BytesMut::new(),
            upload: Upload::jsonp(target, &id),
        })
        .await
    }

    /// Asks for the open frame, and then for the next.
    async fn open(mut session: Self) -> Result<Self, ClientError> {
        session.ask().await?;
        session.receive(&mut |_| Ok(())).await?;
        Ok(session)
    }

    pub(crate) async fn send(&mut self, messages: &[String]) -> Result<(), ClientError> {
        self.upload.send(messages).await
    }

    /// Waits for a frame, hands its messages to `take`, and asks for the next.
    pub(crate) async fn receive(&mut self, take: &mut Take<'_>) -> Result<(), ClientError> {
        self.connection.expect(self.receive.request(), 200).await?;
        self.body.clear();
        while self.connection.read(&mut self.body).await? {}
        let Some((text, _)) = self.framing.split(&self.body)? else {
            return Err(ClientError::malformed(&self.body));
        };
        frame::read(&text, take)?;
        self.ask().await
    }

    async fn ask(&mut self) -> Result<(), ClientError> {
        self.connection.start(self.receive.request()).await
    }
}
