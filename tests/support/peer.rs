use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    receiver::Receiver,
    request::{Request, Via},
    wire::Wire,
};

/// One session as its client sees it. Every request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Peer {
    addr: SocketAddr,
    path: String,
}

impl Peer {
    /// Makes the client of the session at a path of a server.
    pub fn new(addr: SocketAddr, path: impl Into<String>) -> Self {
        Self {
            addr,
            path: path.into(),
        }
    }

    /// Returns the path of one of the session's endpoints.
    pub fn path(&self, endpoint: &str) -> String {
        format!("{}/{endpoint}", self.path)
    }

    /// Prepares a request to one of the session's endpoints.
    pub fn request(&self, method: &str, endpoint: &str) -> Request<'static> {
        Request::new(Via::Fresh(self.addr), method, &self.path(endpoint))
    }

    /// Prepares a `GET` request.
    pub fn get(&self, endpoint: &str) -> Request<'static> {
        self.request("GET", endpoint)
    }

    /// Prepares a `POST` request.
    pub fn post(&self, endpoint: &str) -> Request<'static> {
        self.request("POST", endpoint)
    }

    /// Prepares a receive request.
    pub fn receive(&self, wire: Wire) -> Request<'static> {
        self.request(wire.method(), wire.endpoint())
    }

    /// Sends a receive request that is answered and over, and returns what it was answered with:
    /// the body without its prelude.
    pub async fn answer(&self, wire: Wire) -> String {
        let mut response = self.receive(wire).send().await;
        assert_eq!(response.status, 200, "{wire:?}");
        wire.expect_prelude(&mut response).await;
        response.text().await
    }

    /// Polls once with `xhr`; returns the body.
    pub async fn poll(&self) -> String {
        self.answer(Wire::Xhr).await
    }

    /// Opens the session with a poll.
    pub async fn open(&self) {
        assert_eq!(self.poll().await, "o\n");
    }

    /// Sends a payload with `xhr_send`, which accepts it.
    pub async fn send(&self, payload: impl AsRef<[u8]>) {
        assert_eq!(self.send_status(payload).await, 204);
    }

    /// Sends a payload with `xhr_send`; returns the status it is answered with.
    pub async fn send_status(&self, payload: impl AsRef<[u8]>) -> u16 {
        self.post("xhr_send").body(payload).send().await.status
    }

    /// Starts to receive over a transport.
    pub fn receiver(&self, wire: Wire) -> Receiver {
        Receiver::new(self.clone(), wire)
    }
}

/// Returns the path of a session that no other test uses, under a mount.
pub fn unique_path(prefix: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!(
        "{prefix}/000/session{}",
        COUNTER.fetch_add(1, Ordering::Relaxed)
    )
}
