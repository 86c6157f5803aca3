//! HTTP/2 connections that sessions share.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::sync::Mutex;

use crate::stream::Stream;

/// The connections to one server. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Arc<Mutex<Option<Connection>>>);

/// The connection that takes sessions.
#[derive(Debug)]
struct Connection {
    requests: SendRequest<Bytes>,
    sessions: usize,
}

impl Pool {
    /// Returns a connection with room for another session, made by `connect` if there is none.
    pub(crate) async fn connection(
        &self,
        connect: impl Future<Output = io::Result<Stream>>,
    ) -> io::Result<SendRequest<Bytes>> {
        let mut current = self.0.lock().await;
        let connection = match &mut *current {
            Some(connection) if connection.sessions < SESSIONS => connection,
            none_or_full => none_or_full.insert(Connection::new(connect.await?).await?),
        };
        connection.sessions += 1;
        Ok(connection.requests.clone())
    }
}

impl Connection {
    async fn new(stream: Stream) -> io::Result<Self> {
        let handshake = client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(stream);
        let (requests, connection) = handshake.await.map_err(io::Error::other)?;
        // Its sessions hear of its end by themselves.
        tokio::spawn(connection);
        Ok(Self {
            requests,
            sessions: 0,
        })
    }
}

/// A session needs a stream to receive, and sometimes one to send. hyper allows 200 unless told
/// otherwise.
const SESSIONS: usize = 100;

/// A client that reads all that comes needs no small windows.
const WINDOW: u32 = 1024 * 1024;
