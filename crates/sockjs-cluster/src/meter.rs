//! Metrics. Without the feature `metrics`, nothing here costs anything.

#[cfg(feature = "metrics")]
use metrics::{counter, gauge};

/// Counts a claim of a session, by what came of it.
pub(crate) fn claimed(mount: &str, outcome: &'static str) {
    count(CLAIMS, mount, outcome);
}

/// Counts a request that was relayed to another node.
pub(crate) fn relayed(mount: &str, outcome: &'static str) {
    count(RELAYED, mount, outcome);
}

/// Counts a request that another node has relayed.
pub(crate) fn answered(mount: &str, outcome: &'static str) {
    count(ANSWERED, mount, outcome);
}

/// Counts a message to the sessions of other nodes.
pub(crate) fn published(mount: &str, outcome: &'static str) {
    count(PUBLISHED, mount, outcome);
}

/// Counts a message of another node to the sessions of this one.
pub(crate) fn received(mount: &str, outcome: &'static str) {
    count(RECEIVED, mount, outcome);
}

/// Counts a session that was closed because another node owns it.
pub(crate) fn lost(mount: &str) {
    count(LOST, mount, "taken");
}

/// Counts an attempt to connect to another node.
pub(crate) fn dialed(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    counter!(DIALED, "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// Counts a renewal of the leases of all sessions.
pub(crate) fn renewed(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    counter!(RENEWED, "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

fn count(name: &'static str, mount: &str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    counter!(name, "mount" => mount.to_owned(), "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (name, mount, outcome);
}

/// Counts a connection between nodes while it is open.
#[derive(Debug)]
pub(crate) struct Connection {
    #[cfg(feature = "metrics")]
    direction: &'static str,
}

impl Connection {
    pub(crate) fn to_peer() -> Self {
        Self::new("out")
    }

    pub(crate) fn from_peer() -> Self {
        Self::new("in")
    }

    fn new(direction: &'static str) -> Self {
        #[cfg(feature = "metrics")]
        gauge!(CONNECTIONS, "direction" => direction).increment(1);
        #[cfg(not(feature = "metrics"))]
        let _ = direction;
        Self {
            #[cfg(feature = "metrics")]
            direction,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        gauge!(CONNECTIONS, "direction" => self.direction).decrement(1);
    }
}

const CLAIMS: &str = "sockjs_cluster_claims_total";
const RELAYED: &str = "sockjs_cluster_requests_relayed_total";
const ANSWERED: &str = "sockjs_cluster_requests_answered_total";
const PUBLISHED: &str = "sockjs_cluster_messages_published_total";
const RECEIVED: &str = "sockjs_cluster_messages_received_total";
const LOST: &str = "sockjs_cluster_sessions_lost_total";
#[cfg(feature = "metrics")]
const DIALED: &str = "sockjs_cluster_connects_total";
#[cfg(feature = "metrics")]
const RENEWED: &str = "sockjs_cluster_renewals_total";
#[cfg(feature = "metrics")]
const CONNECTIONS: &str = "sockjs_cluster_relay_connections";
