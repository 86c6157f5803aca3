//! Messages to the sessions of other nodes, through the broker.

mod publication;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sockjs_axum::peers::{NotPublished, PeerFuture, Publication};
use tokio::sync::Notify;
use tokio::time::sleep;

use self::publication::{Envelope, MAX_TEXT};
use crate::clock;
use crate::meter;
use crate::relay::Desk;
use crate::relay::window::{Arrivals, is_timely};
use crate::secret::{Channel, Secrets};
use crate::store::{NodeId, Topics};
use crate::throttle::Throttle;

/// Sends and receives the messages of topics and broadcasts.
pub(crate) struct Exchange {
    me: NodeId,
    secrets: Arc<Secrets>,
    topics: Arc<dyn Topics>,
    desk: Arc<Desk>,
    subscribed: Mutex<HashMap<Channel, Subscription>>,
    /// Mounts and topics that have got their first member or lost their last one.
    changed: Mutex<HashSet<(Arc<str>, Arc<str>)>>,
    work: Notify,
    number: AtomicU64,
    arrivals: Arrivals,
    throttle: Throttle,
}

/// For whom the messages of a channel are.
#[derive(Clone, Debug)]
struct Subscription {
    mount: Arc<str>,
    /// Without one, for all sessions of the mount.
    topic: Option<Arc<str>>,
}

impl Exchange {
    pub(crate) fn new(
        me: NodeId,
        secrets: Arc<Secrets>,
        topics: Arc<dyn Topics>,
        desk: Arc<Desk>,
    ) -> Self {
        Self {
            me,
            secrets,
            topics,
            desk,
            subscribed: Mutex::default(),
            changed: Mutex::default(),
            work: Notify::new(),
            number: AtomicU64::new(0),
            arrivals: Arrivals::default(),
            throttle: Throttle::default(),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.topics.is_connected()
    }

    /// Subscribes to the broadcasts of a mount.
    pub(crate) fn mounted(&self, mount: Arc<str>) {
        let channel = self.secrets.channel(&mount, None);
        self.subscribe(channel, Subscription { mount, topic: None });
    }

    /// Looks at a topic soon, and subscribes to it or not.
    pub(crate) fn changed(&self, mount: Arc<str>, topic: Arc<str>) {
        let is_new = lock(&self.changed).insert((mount, topic));
        if is_new {
            self.work.notify_one();
        }
    }

    /// Sends a message. It takes its place in the order at this call.
    pub(crate) fn publish<'a>(
        &'a self,
        mount: &'a str,
        publication: Publication,
    ) -> PeerFuture<'a, Result<(), NotPublished>> {
        let text = publication.message.as_str();
        if text.len() > MAX_TEXT {
            meter::published(mount, "too_long");
            if self.throttle.passes("too_long") {
                tracing::warn!(
                    mount,
                    len = text.len(),
                    "a message is too long for other nodes"
                );
            }
            return Box::pin(async { Err(NotPublished::new()) });
        }
        let channel = self.secrets.channel(mount, publication.topic.as_deref());
        let envelope = Envelope {
            from: self.me,
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
            sent_at: clock::millis(),
            except: publication.except,
            slow: publication.slow,
        };
        let sealed = envelope.seal(&channel, text, &self.secrets.topics()[0]);
        let publishing = self.topics.publish(&channel, sealed);
        Box::pin(async move {
            let published = publishing.await;
            let outcome = if published.is_ok() {
                "published"
            } else {
                "unavailable"
            };
            meter::published(mount, outcome);
            published.map_err(|_| NotPublished::new())
        })
    }

    /// Follows the members of topics, for as long as the node is a part of the cluster.
    pub(crate) async fn follow(&self) {
        loop {
            self.work.notified().await;
            let changed = mem::take(&mut *lock(&self.changed));
            for (mount, topic) in changed {
                self.look_at(mount, topic);
            }
        }
    }

    /// Hands out the messages of other nodes, for as long as the node is a part of the cluster.
    pub(crate) async fn listen(&self) {
        loop {
            match self.topics.recv().await {
                Ok((channel, sealed)) => {
                    self.take(&channel, &sealed);
                    // Many sessions may have got the message.
                    tokio::task::coop::consume_budget().await;
                }
                Err(_) => {
                    meter::received("", "lost");
                    if self.throttle.passes("lost") {
                        tracing::warn!("messages of other nodes may have been lost");
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn look_at(&self, mount: Arc<str>, topic: Arc<str>) {
        let owner = self.desk.mount(&mount);
        let has_members = owner.is_some_and(|owner| owner.has_members(&topic));
        let channel = self.secrets.channel(&mount, Some(&topic));
        if has_members {
            let topic = Some(topic);
            self.subscribe(channel, Subscription { mount, topic });
        } else if lock(&self.subscribed).remove(&channel).is_some() {
            self.topics.unsubscribe(&channel);
        }
    }

    fn subscribe(&self, channel: Channel, subscription: Subscription) {
        let is_new = lock(&self.subscribed)
            .insert(channel, subscription)
            .is_none();
        if is_new {
            self.topics.subscribe(&channel);
        }
    }

    /// Takes what the broker says another node has sent. Whoever reaches the broker may have sent it.
    fn take(&self, channel: &[u8], sealed: &[u8]) {
        let subscription = Channel::try_from(channel).ok().and_then(|channel| {
            let subscription = lock(&self.subscribed).get(&channel).cloned();
            subscription.map(|it| (channel, it))
        });
        // A subscription that has just ended.
        let Some((channel, subscription)) = subscription else {
            return;
        };
        let mount = &*subscription.mount;
        let opened = Envelope::open(&channel, sealed, self.secrets.topics());
        let outcome = match opened {
            Err(unreadable) => unreadable.as_str(),
            Ok((envelope, _)) if envelope.from == self.me => return,
            Ok((envelope, text)) => {
                let now = clock::millis();
                let Envelope {
                    from,
                    number,
                    sent_at,
                    ..
                } = envelope;
                if !is_timely(sent_at, now) {
                    "clock"
                } else if !self.arrivals.take(from, number, sent_at, now) {
                    "repeated"
                } else {
                    if let Some(mount) = self.desk.mount(mount) {
                        mount.deliver(&envelope.publication(subscription.topic.clone(), text));
                    }
                    meter::received(mount, "delivered");
                    return;
                }
            }
        };
        meter::received(mount, outcome);
        if self.throttle.passes(outcome) {
            tracing::warn!(
                mount,
                reason = outcome,
                "a message from the broker was refused"
            );
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long to wait after the broker has failed, in case that it fails again at once.
const PAUSE: Duration = Duration::from_millis(10);
