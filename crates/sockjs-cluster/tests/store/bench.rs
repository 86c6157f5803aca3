use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sockjs_axum::peers::SessionKey;
#[cfg(feature = "redis")]
use sockjs_cluster::Redis;
use sockjs_cluster::{Directory, Entry, Memory, NodeId, Store, Topics, Unavailable};
use tokio::time::{Instant, sleep, timeout};

#[cfg(feature = "redis")]
use crate::redis_server::RedisServer;

/// A store of a test's own.
pub(crate) enum Bench {
    Memory(Memory),
    #[cfg(feature = "redis")]
    Redis(Redis, RedisServer),
}

impl Bench {
    pub(crate) fn memory() -> Self {
        Self::Memory(Memory::new())
    }

    #[cfg(feature = "redis")]
    pub(crate) async fn redis() -> Option<Self> {
        let server = RedisServer::start()?;
        let redis = Redis::connect(&server.url()).await.unwrap();
        Some(Self::Redis(redis, server))
    }

    /// Joins as one more node, and waits until the store is in use.
    pub(crate) async fn join(&self) -> (Arc<dyn Directory>, Arc<dyn Topics>) {
        let (directory, topics) = self.join_as("test");
        assert_eq!(directory.find(key(0)).await, Ok(None));
        (directory, topics)
    }

    pub(crate) fn join_as(&self, namespace: &str) -> (Arc<dyn Directory>, Arc<dyn Topics>) {
        match self {
            Self::Memory(store) => store.join(namespace),
            #[cfg(feature = "redis")]
            Self::Redis(store, _) => store.join(namespace),
        }
    }

    pub(crate) async fn directory(&self) -> Arc<dyn Directory> {
        self.join().await.0
    }

    pub(crate) async fn topics(&self) -> Arc<dyn Topics> {
        self.join().await.1
    }

    /// Has the store hang, or be away, with all that it has.
    pub(crate) fn pause(&self) {
        match self {
            Self::Memory(store) => store.stop(),
            #[cfg(feature = "redis")]
            Self::Redis(_, server) => server.pause(),
        }
    }

    pub(crate) fn resume(&self) {
        match self {
            Self::Memory(store) => store.start(),
            #[cfg(feature = "redis")]
            Self::Redis(_, server) => server.resume(),
        }
    }

    /// Kills the store.
    pub(crate) fn kill(&mut self) {
        match self {
            Self::Memory(store) => store.stop(),
            #[cfg(feature = "redis")]
            Self::Redis(_, server) => server.kill(),
        }
    }

    /// Starts a store that was killed. It is empty.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Memory(store) => store.start_empty(),
            #[cfg(feature = "redis")]
            Self::Redis(_, server) => server.restart(),
        }
    }

    /// Returns how many entries there are, if the store can tell.
    pub(crate) fn entries(&self) -> Option<usize> {
        match self {
            Self::Memory(store) => Some(store.entries()),
            #[cfg(feature = "redis")]
            Self::Redis(..) => None,
        }
    }

    /// Returns how much later than on a paused clock something may be.
    pub(crate) fn tolerance(&self) -> Duration {
        match self {
            Self::Memory(_) => Duration::from_millis(20),
            // The machine may be busy.
            #[cfg(feature = "redis")]
            Self::Redis(..) => Duration::from_secs(2),
        }
    }

    /// Returns a lease that ends soon, but not before the next command.
    pub(crate) fn short_lease(&self) -> Duration {
        Duration::from_millis(300) + self.tolerance()
    }
}

pub(crate) fn key(number: u32) -> SessionKey {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&number.to_be_bytes());
    SessionKey(key)
}

/// Returns the entry of the node of a number.
pub(crate) fn node(number: u8) -> Entry {
    Entry {
        version: 1,
        node: NodeId([number; 16]),
        addr: SocketAddr::from(([127, 0, 0, number], 4000)),
    }
}

/// Waits until a session has no entry, and returns for how long.
pub(crate) async fn until_gone(directory: &dyn Directory, session: SessionKey) -> Duration {
    let start = Instant::now();
    while directory.find(session).await.unwrap().is_some() {
        assert!(start.elapsed() < LIMIT, "the entry stays");
        sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

/// Publishes probes until one arrives.
pub(crate) async fn until_subscribed(from: &dyn Topics, to: &dyn Topics, channel: &[u8]) {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        // The store may still be away.
        let _ = from.publish(channel, Bytes::from_static(PROBE)).await;
        let arrival = timeout(Duration::from_millis(20), to.recv()).await;
        if arrival
            == Ok(Ok((
                Bytes::copy_from_slice(channel),
                Bytes::from_static(PROBE),
            )))
        {
            return;
        }
    }
    panic!("no probe arrives");
}

/// Receives what is no probe.
pub(crate) async fn receive(topics: &dyn Topics) -> Result<(Bytes, Bytes), Unavailable> {
    loop {
        let arrival = timeout(LIMIT, topics.recv())
            .await
            .expect("something arrives");
        if !matches!(&arrival, Ok((_, message)) if message == PROBE) {
            return arrival;
        }
    }
}

const PROBE: &[u8] = b"probe";

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// After so much time something is wrong.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
