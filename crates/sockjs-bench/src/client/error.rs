use std::io;

use crate::check::Wrong;

/// Why a session did not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("the server closed the session: {0}")]
    Closed(String),
    #[error("the server ended the connection")]
    Disconnected,
    #[error("{request} was answered with {status}")]
    Status { request: String, status: u16 },
    #[error("the generator has no {0} over HTTP/2")]
    NotOverHttp2(&'static str),
    #[error("the generator does not go on at another node with {0}")]
    NotElsewhere(&'static str),
    #[error("not understood: {0}")]
    Malformed(String),
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error(transparent)]
    Http2(#[from] h2::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ClientError {
    pub(crate) fn malformed(what: impl AsRef<[u8]>) -> Self {
        let what = what.as_ref();
        let what = &what[..what.len().min(200)];
        Self::Malformed(String::from_utf8_lossy(what).into_owned())
    }
}
