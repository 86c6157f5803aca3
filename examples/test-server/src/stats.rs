//! How many sessions the handlers of each mount hold, and how others have ended.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use serde::Serialize;
use sockjs_axum::{Cause, Session};

/// The counters of all mounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    mounts: BTreeMap<&'static str, Counter>,
}

/// What `/_stats` answers. The keys are mounts.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    open: BTreeMap<&'static str, usize>,
    ended: BTreeMap<&'static str, Endings>,
}

/// How many sessions have ended, by cause.
type Endings = BTreeMap<&'static str, usize>;

impl Stats {
    pub(crate) fn mount(&mut self, prefix: &'static str) -> Counter {
        self.mounts.entry(prefix).or_default().clone()
    }

    pub(crate) fn report(&self) -> Report {
        let mounts = || self.mounts.iter();
        Report {
            open: mounts().map(|(prefix, it)| (*prefix, it.open())).collect(),
            ended: mounts().map(|(prefix, it)| (*prefix, it.ended())).collect(),
        }
    }
}

/// Counts the sessions of one mount.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    ended: Mutex<Endings>,
}

impl Counter {
    fn hold(&self) -> Held {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Held(self.clone())
    }

    fn end(&self, cause: Cause) {
        let mut ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended.entry(cause.as_str()).or_default() += 1;
    }

    fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    fn ended(&self) -> Endings {
        let ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.clone()
    }
}

/// Counts as one session for as long as a handler holds it.
///
/// It is an extractor because those run before the client hears that its session is open: whoever
/// has seen the open frame also sees it counted.
#[derive(Debug)]
pub(crate) struct Held(Counter);

impl Held {
    /// Counts how the session ends. That may be after the handler has returned.
    pub(crate) fn follow(&self, session: &Session) {
        let (counter, session) = (self.0.clone(), session.session_ref().clone());
        tokio::spawn(async move { counter.end(session.closed().await.cause()) });
    }
}

impl<S> FromRequestParts<S> for Held
where
    S: Send + Sync,
    Counter: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Counter::from_ref(state).hold())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
