//! What a mount is: its options, its handler and its sessions.
//!
//! Sessions are opened, found, counted and ended here alone.

mod admission;
mod broadcast;
mod handle;
mod task;
mod topic;

mod clients;
mod ended;
mod registry;
mod strays;

#[cfg(all(test, shuttle))]
mod interleavings;

use std::fmt;
use std::sync::Arc;

use sockjs_core::{SessionConfig, Transport};

use crate::config::{Config, SessionConfigs};
use crate::http::page::Iframe;
use crate::session::{ErasedHandler, Shared, TopicsOfMount};
use crate::throttle::Throttle;

use self::registry::Phase;

pub(crate) use self::admission::{Admission, Opener, Receiving};
pub use self::broadcast::BroadcastOutcome;
pub use self::handle::{ShutdownOutcome, SockJsHandle};
pub(crate) use self::registry::Registry;
pub(crate) use self::strays::Stray;
pub(crate) use self::task::{SessionTask, Timer, spawn};
pub use self::topic::Topic;

/// One mount.
pub(crate) struct Mount {
    prefix: Arc<str>,
    config: Arc<Config>,
    sessions: SessionConfigs,
    handler: ErasedHandler<()>,
    iframe: Iframe,
    registry: Arc<Registry>,
    topics: Arc<TopicsOfMount<Arc<Shared>>>,
}

impl Mount {
    pub(crate) fn new(
        prefix: Arc<str>,
        config: Arc<Config>,
        handler: ErasedHandler<()>,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            prefix,
            sessions: SessionConfigs::new(&config.session),
            iframe: Iframe::new(&config.sockjs_url, &config.allowed_origins),
            topics: Arc::new(TopicsOfMount {
                topics: registry.topics().clone(),
                max_topics: config.max_topics,
            }),
            config,
            handler,
            registry,
        }
    }

    pub(crate) fn prefix(&self) -> &Arc<str> {
        &self.prefix
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn iframe(&self) -> &Iframe {
        &self.iframe
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.registry.phase() != Phase::Running
    }

    /// Enters the body of a send request without a session.
    pub(crate) fn stray(&self) -> Stray<'_> {
        let budget = self.config.unknown_session_buffer;
        self.registry.strays().enter(budget)
    }

    /// Returns what the mount has warned of lately.
    pub(crate) fn warnings(&self) -> &Throttle {
        self.registry.warnings()
    }

    /// Waits until a shutdown of the mount has reached its deadline.
    pub(crate) async fn stopped(&self) {
        self.registry.stopped().await;
    }

    /// Returns the delays and limits of sessions of that transport.
    fn session_config(&self, transport: Transport) -> Arc<SessionConfig> {
        self.sessions.of(transport)
    }

    fn handler(&self) -> &ErasedHandler<()> {
        &self.handler
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    fn topics(&self) -> &Arc<TopicsOfMount<Arc<Shared>>> {
        &self.topics
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
