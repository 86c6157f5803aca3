//! How the sessions of this node ended, and whether it is about to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use sockjs_axum::Ending;

/// What the handlers know. Clones are the same ledger.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: String,
    leaves: AtomicBool,
    /// By the sessions' ids.
    ended: Mutex<Map<String, Value>>,
}

impl Ledger {
    pub(crate) fn new(node: &str) -> Self {
        Self(Arc::new(Inner {
            node: node.to_owned(),
            leaves: AtomicBool::new(false),
            ended: Mutex::default(),
        }))
    }

    pub(crate) fn record(&self, id: impl ToString, ending: &Ending) {
        let entry = json!({
            "cause": ending.cause().as_str(),
            "code": ending.reason().code(),
            "reason": ending.reason().reason(),
            "undelivered": ending.undelivered(),
        });
        self.ended_mut(|ended| ended.insert(id.to_string(), entry));
    }

    /// Says from now on that the node is about to end.
    pub(crate) fn leave(&self) {
        self.0.leaves.store(true, Ordering::Relaxed);
    }

    pub(crate) fn leaves(&self) -> bool {
        self.0.leaves.load(Ordering::Relaxed)
    }

    pub(crate) fn node(&self) -> &str {
        &self.0.node
    }

    pub(crate) fn report(&self) -> Value {
        json!({
            "node": self.node(),
            "ended": self.ended_mut(|ended| ended.clone()),
        })
    }

    fn ended_mut<T>(&self, act: impl FnOnce(&mut Map<String, Value>) -> T) -> T {
        let mut ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut ended)
    }
}
