//! How many sessions the handlers of each mount hold.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

/// One gauge a mount.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    mounts: BTreeMap<&'static str, Gauge>,
}

/// What `/_stats` answers.
pub(crate) type Report = BTreeMap<&'static str, BTreeMap<&'static str, usize>>;

impl Stats {
    pub(crate) fn mount(&mut self, prefix: &'static str) -> Gauge {
        self.mounts.entry(prefix).or_default().clone()
    }

    pub(crate) fn report(&self) -> Report {
        let mounts = self.mounts.iter();
        let open = mounts.map(|(prefix, gauge)| (*prefix, gauge.read()));
        BTreeMap::from([("open", open.collect())])
    }
}

/// Counts the [`Held`] guards of one mount.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<AtomicUsize>);

impl Gauge {
    fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self.clone())
    }

    fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts as one session for as long as a handler holds it.
///
/// It is an extractor because those run before the client hears that its session is open: whoever
/// has seen the open frame also sees it counted.
#[derive(Debug)]
pub(crate) struct Held(Gauge);

impl<S> FromRequestParts<S> for Held
where
    S: Send + Sync,
    Gauge: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Gauge::from_ref(state).hold())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
