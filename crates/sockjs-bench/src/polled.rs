//! Very many polling sessions over few connections.

use std::sync::Arc;

use anyhow::bail;
use tokio::task::JoinSet;

use crate::client::{Connection, Request};
use crate::target::{SessionId, Target};

/// Sessions between two polls, of which a client has nothing but their ids.
#[derive(Debug)]
pub(crate) struct Polled {
    target: Target,
    ids: Vec<SessionId>,
}

impl Polled {
    pub(crate) fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            ids: Vec::new(),
        }
    }

    /// Opens sessions, with one poll each that brings the open frame.
    pub(crate) async fn open(&mut self, count: usize) -> anyhow::Result<()> {
        let ids: Arc<[_]> = (0..count).map(|_| SessionId::fresh()).collect();
        self.ask(&ids, |frame| frame == b"o\n").await?;
        self.ids.extend_from_slice(&ids);
        Ok(())
    }

    /// Polls every session once more, for the news that it is closed.
    pub(crate) async fn expect_close(&mut self) -> anyhow::Result<()> {
        let ids = std::mem::take(&mut self.ids).into();
        self.ask(&ids, |frame| frame.starts_with(b"c[")).await
    }

    /// Polls each of the sessions once.
    async fn ask(&self, ids: &Arc<[SessionId]>, expected: fn(&[u8]) -> bool) -> anyhow::Result<()> {
        let mut connections = JoinSet::new();
        for first in 0..CONNECTIONS {
            let (target, ids) = (self.target.clone(), ids.clone());
            connections.spawn(async move {
                let mut connection = Connection::new(&target);
                for id in ids.iter().skip(first).step_by(CONNECTIONS) {
                    let path = target.session_path(id, "xhr");
                    let mut frame = connection.fetch(Request::post(&path, b"")).await?;
                    while frame == b"h\n"[..] {
                        frame = connection.fetch(Request::post(&path, b"")).await?;
                    }
                    if !expected(&frame) {
                        bail!("a poll was answered with {frame:?}");
                    }
                }
                Ok(())
            });
        }
        while let Some(ended) = connections.join_next().await {
            ended??;
        }
        Ok(())
    }
}

const CONNECTIONS: usize = 32;
