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
mod nodes;
mod registry;
mod relays;
mod remote;
mod strays;

#[cfg(all(test, shuttle))]
mod interleavings;

use std::fmt;
use std::sync::Arc;

use sockjs_core::{Cause, CloseReason, SessionConfig, Transport};

use crate::config::{Config, SessionConfigs};
use crate::http::page::Iframe;
use crate::peers::{Publication, SessionKey};
use crate::session::{Digest, ErasedHandler, Shared, TopicsOfMount};
use crate::throttle::Throttle;

use self::broadcast::Broadcast;
use self::registry::{Known, Phase};

pub(crate) use self::admission::{Admission, FromPeer, Opener, Receiving, Sending, Wanted};
pub use self::broadcast::BroadcastOutcome;
pub use self::handle::{ShutdownOutcome, SockJsHandle};
pub(crate) use self::nodes::Settling;
pub(crate) use self::registry::Registry;
pub(crate) use self::remote::{Broken, Relayed, RelayedBody, Remote};
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
        self.registry.phase() >= Phase::Stopping
    }

    /// Returns whether clients are to come back through other nodes.
    pub(crate) fn is_leaving(&self) -> bool {
        // In this order, because a mount on its own need not look at the phase for each request.
        self.registry.nodes().is_some() && self.registry.phase() != Phase::Running
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

    /// Ends a session that another node owns now.
    pub(crate) fn lose(&self, session: SessionKey) {
        let known = self.registry.find(&Digest::from_bytes(session.0));
        if let Some(Known::Live(shared)) = known {
            shared.close(CloseReason::GOING_AWAY, Cause::ClaimLost);
        }
    }

    /// Queues a message of another node for the sessions that it is for.
    pub(crate) fn deliver(&self, publication: &Publication) {
        let mut broadcast = Broadcast::new(publication.message.clone());
        let offer = |session: &Arc<Shared>| {
            if publication.except != Some(session.opening().id) {
                broadcast.offer(session);
            }
        };
        match &publication.topic {
            Some(topic) => self.registry.topics().members(topic).iter().for_each(offer),
            None => self.registry.all().iter().for_each(offer),
        }
        broadcast.finish_at_once(publication.slow);
    }

    pub(crate) fn has_members(&self, topic: &str) -> bool {
        self.registry.topics().len(topic) > 0
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
