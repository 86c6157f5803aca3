use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Response;
use sockjs_axum::peers::{PeerBody, PeerError, RelayRequest};
use tracing::Instrument;

use super::connect::Connect;
use super::head::{Call, VERSION};
use super::node::Node;
use super::reply::{Outcome, keep_relayed};
use crate::clock;
use crate::meter;
use crate::secret::Secrets;
use crate::store::{Entry, NodeId};
use crate::throttle::Throttle;

/// The other nodes, as far as this one has heard of them.
pub(crate) struct Nodes {
    me: NodeId,
    secrets: Arc<Secrets>,
    connect: Arc<dyn Connect>,
    table: Mutex<HashMap<Entry, Arc<Node>>>,
    /// The number of the last request.
    number: AtomicU64,
    throttle: Throttle,
}

impl Nodes {
    pub(crate) fn new(me: NodeId, secrets: Arc<Secrets>, connect: Arc<dyn Connect>) -> Self {
        Self {
            me,
            secrets,
            connect,
            table: Mutex::default(),
            number: AtomicU64::new(0),
            throttle: Throttle::default(),
        }
    }

    /// Returns the node of an entry of the directory.
    pub(crate) fn get(&self, entry: Entry) -> Arc<Node> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = table.get(&entry) {
            return node.clone();
        }
        let node = Arc::new(Node::new(entry, self.connect.clone()));
        // A node without room in the table lives as long as its routes.
        if table.len() < MAX_NODES {
            table.insert(entry, node.clone());
        }
        node
    }

    /// Closes connections that are no longer used, and forgets nodes.
    pub(crate) fn tidy(&self) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, node| node.tidy());
    }

    /// Has a node answer a request for one of its sessions.
    pub(crate) async fn relay(
        &self,
        node: &Node,
        mount: &str,
        request: RelayRequest,
    ) -> Result<Response<PeerBody>, PeerError> {
        let (endpoint, peer) = (request.head.endpoint, node.entry().addr);
        let span = tracing::debug_span!("relay", mount, ?endpoint, %peer);
        let asking = self.ask(node, mount, request).instrument(span.clone());
        let answered = asking.await;
        let (result, outcome) = match answered {
            Ok(response) => (Ok(response), "answered"),
            Err((error, outcome)) => (Err(error), outcome),
        };
        meter::relayed(mount, outcome);
        if result.is_err() {
            tracing::debug!(parent: &span, outcome, "request was not relayed");
        }
        result
    }

    async fn ask(
        &self,
        node: &Node,
        mount: &str,
        request: RelayRequest,
    ) -> Result<Response<PeerBody>, (PeerError, &'static str)> {
        let entry = node.entry();
        if node.is_gone() {
            return Err((PeerError::Lost, "gone"));
        }
        if entry.version != VERSION {
            self.warn(node, "version");
            return Err((PeerError::Unreachable, "version"));
        }
        let call = Call {
            mount: mount.to_owned(),
            head: request.head,
            from: self.me,
            to: entry.node,
            sent_at: clock::millis(),
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let key = &self.secrets.relay()[0];
        let (head, tag) = call
            .write(entry, key)
            .ok_or((PeerError::Unreachable, "too_long"))?;
        let response = node.send(head, request.body).await.map_err(|error| {
            let outcome = match error {
                PeerError::Lost => "refused",
                _ => "unreachable",
            };
            (error, outcome)
        })?;
        let (mut parts, body) = response.into_parts();
        match Outcome::verify(&tag, parts.status, &parts.headers, key) {
            Some(Outcome::Answered) => {
                keep_relayed(&mut parts.headers);
                let body: PeerBody = Box::pin(body);
                Ok(Response::from_parts(parts, body))
            }
            Some(Outcome::Gone) => {
                node.set_gone();
                Err((PeerError::Lost, Outcome::Gone.as_str()))
            }
            Some(outcome) => {
                self.warn(node, outcome.as_str());
                Err((PeerError::Unreachable, outcome.as_str()))
            }
            // Another secret, or something else that listens at the address.
            None => {
                self.warn(node, "unsigned");
                Err((PeerError::Unreachable, "unsigned"))
            }
        }
    }

    fn warn(&self, node: &Node, outcome: &'static str) {
        if self.throttle.passes(outcome) {
            let peer = node.entry().addr;
            tracing::warn!(%peer, outcome, "a node does not answer relayed requests");
        }
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes").finish_non_exhaustive()
    }
}

/// How many nodes are remembered.
const MAX_NODES: usize = 1024;
