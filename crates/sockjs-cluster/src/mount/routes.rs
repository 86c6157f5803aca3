use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sockjs_axum::peers::SessionKey;
use tokio::time::Instant;

use crate::relay::Node;

/// Where the keys lead that this node has asked the directory for.
///
/// Owners never change, so an answer stays true for as long as the session lives. A route is forgotten
/// after one to two generations.
#[derive(Debug)]
pub(super) struct Routes(Mutex<Generations>);

#[derive(Debug)]
struct Generations {
    young: HashMap<SessionKey, Arc<Node>>,
    old: HashMap<SessionKey, Arc<Node>>,
    since: Instant,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            since: Instant::now(),
        }))
    }

    pub(super) fn get(&self, session: &SessionKey) -> Option<Arc<Node>> {
        let mut routes = self.lock();
        routes.age();
        if let Some(node) = routes.young.get(session) {
            return Some(node.clone());
        }
        // It is not made young again, so that the directory is asked now and then.
        routes.old.get(session).cloned()
    }

    pub(super) fn insert(&self, session: SessionKey, node: Arc<Node>) {
        let mut routes = self.lock();
        routes.age();
        routes.young.insert(session, node);
    }

    pub(super) fn remove(&self, session: &SessionKey) {
        let mut routes = self.lock();
        routes.young.remove(session);
        routes.old.remove(session);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn age(&mut self) {
        let now = Instant::now();
        let age = now - self.since;
        if age >= GENERATION || self.young.len() >= MAX {
            let young = mem::take(&mut self.young);
            self.old = if age >= 2 * GENERATION {
                HashMap::new()
            } else {
                young
            };
            self.since = now;
        }
    }
}

const GENERATION: Duration = Duration::from_secs(60);

/// How many routes a generation has at most: about 2 MiB.
const MAX: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::relay::tcp;
    use crate::store::{Entry, NodeId};

    fn node() -> Arc<Node> {
        let entry = Entry {
            version: 1,
            node: NodeId([0; 16]),
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
        };
        Arc::new(Node::new(entry, Arc::new(tcp)))
    }

    #[tokio::test(start_paused = true)]
    async fn route_is_forgotten_in_time() {
        let routes = Routes::new();
        let key = SessionKey([1; 16]);
        routes.insert(key, node());
        tokio::time::advance(GENERATION).await;
        assert!(routes.get(&key).is_some());
        tokio::time::advance(GENERATION).await;
        assert!(routes.get(&key).is_none());
        routes.insert(key, node());
        tokio::time::advance(3 * GENERATION).await;
        assert!(routes.get(&key).is_none());
        routes.insert(key, node());
        routes.remove(&key);
        assert!(routes.get(&key).is_none());
    }

    /// Limit: ways to the owners of sessions.
    #[tokio::test(start_paused = true)]
    async fn number_of_routes_is_bounded() {
        let routes = Routes::new();
        let node = node();
        for n in 0..5 * MAX {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&n.to_le_bytes());
            routes.insert(SessionKey(key), node.clone());
        }
        let routes = routes.lock();
        assert!(routes.young.len() + routes.old.len() <= 2 * MAX);
    }
}
