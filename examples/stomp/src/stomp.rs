use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sockjs_axum::Session;

use crate::application::Application;
use crate::broker::Broker;
use crate::connection;
use crate::limits::Limits;

/// Speaks STOMP with the sessions of a mount, for an [`Application`] and with a [`Broker`]. See the
/// documentation of the crate for an example. Clones are cheap.
pub struct Stomp<A> {
    pub(crate) application: Arc<A>,
    pub(crate) broker: Broker,
    pub(crate) limits: Limits,
    pub(crate) heart_beat: Duration,
}

impl<A: Application> Stomp<A> {
    /// Makes one for an application. If the application sends messages itself, it has a clone of `broker`.
    pub fn new(application: A, broker: Broker) -> Self {
        Self {
            application: Arc::new(application),
            broker,
            limits: Limits::DEFAULT,
            heart_beat: Duration::from_secs(1),
        }
    }

    /// Sets the limits of a client.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the shortest period of heart-beats, in both directions. Default: 1 s. Zero turns heart-beats off.
    ///
    /// Clients decide on the period, because the longer of both applies: `@stomp/stompjs` wants 10 s. A client
    /// that promised heart-beats and is silent for three periods gets an ERROR.
    #[must_use]
    pub fn heart_beat(mut self, period: Duration) -> Self {
        self.heart_beat = period;
        self
    }

    /// Serves a session until either side ends it.
    pub async fn serve(self, session: Session) {
        connection::serve(self, session).await;
    }
}

impl<A> Clone for Stomp<A> {
    fn clone(&self) -> Self {
        Self {
            application: self.application.clone(),
            broker: self.broker.clone(),
            limits: self.limits,
            heart_beat: self.heart_beat,
        }
    }
}

impl<A> fmt::Debug for Stomp<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stomp")
            .field("limits", &self.limits)
            .field("heart_beat", &self.heart_beat)
            .finish_non_exhaustive()
    }
}
