//! The send requests of the HTTP transports.

use bytes::BytesMut;

use super::ClientError;
use super::http::{Connection, Request};
use crate::target::{SessionId, Target};

/// What takes a session's messages to the server.
#[derive(Debug)]
pub(super) struct Upload {
    path: String,
    kind: Kind,
    connection: Connection,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Xhr,
    Jsonp,
}

impl Upload {
    pub(super) fn xhr(target: &Target, id: &SessionId) -> Self {
        Self::new(target, target.session_path(id, "xhr_send"), Kind::Xhr)
    }

    pub(super) fn jsonp(target: &Target, id: &SessionId) -> Self {
        Self::new(target, target.session_path(id, "jsonp_send"), Kind::Jsonp)
    }

    fn new(target: &Target, path: String, kind: Kind) -> Self {
        Self {
            path,
            kind,
            connection: Connection::new(target),
            body: Vec::new(),
        }
    }

    /// Sends all messages with one request.
    pub(super) async fn send(&mut self, messages: &[String]) -> Result<(), ClientError> {
        super::write_array(messages, &mut self.body);
        match self.kind {
            Kind::Xhr => {
                let request = Request::post(&self.path, &self.body);
                self.connection.request(request, 204).await
            }
            Kind::Jsonp => {
                let mut form = "d=".to_owned();
                form.extend(form_urlencoded::byte_serialize(&self.body));
                let request = Request::post_form(&self.path, form.as_bytes());
                let answer: BytesMut = self.connection.fetch(request).await?;
                if answer != "ok" {
                    return Err(ClientError::malformed(answer));
                }
                Ok(())
            }
        }
    }
}
