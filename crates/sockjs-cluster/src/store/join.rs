use std::fmt;
use std::sync::Arc;

use super::directory::Directory;
use super::topics::Topics;

/// A place that all nodes of a cluster reach.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Joins the cluster of the name `namespace`, and returns its directory and its topics.
    ///
    /// Clusters with different names never see anything of each other. Each call makes a pair of its own,
    /// whose connections end when both halves are dropped. It is called within a tokio runtime, and does
    /// not wait for a connection.
    fn join(&self, namespace: &str) -> (Arc<dyn Directory>, Arc<dyn Topics>);
}
