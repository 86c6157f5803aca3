use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::{RedisResult, Value};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::server::{Connector, Link, PING_INTERVAL, Purpose, Server, Task};
use crate::store::inbox::Inbox;
use crate::store::meter;
use crate::throttle::Throttle;

/// Subscribes to channels and gets their messages, on a connection of its own.
pub(super) struct Subscriber {
    subscriptions: Arc<Subscriptions>,
    inbox: Arc<Inbox>,
    _task: Task,
}

struct Subscriptions {
    wishes: Mutex<Wishes>,
    change: Notify,
    is_connected: AtomicBool,
}

type Channel = Arc<[u8]>;

#[derive(Default)]
struct Wishes {
    wanted: HashSet<Channel>,
    /// The channels for which the connection may not be what is wanted.
    changed: HashSet<Channel>,
}

/// What the connection has to change.
#[derive(Default)]
struct Changes {
    subscribe: Vec<Channel>,
    unsubscribe: Vec<Channel>,
}

impl Subscriber {
    /// Makes a subscriber that cuts `prefix_len` bytes off the names of channels.
    pub(super) fn new(server: Arc<Server>, prefix_len: usize) -> Self {
        let subscriptions = Arc::new(Subscriptions {
            wishes: Mutex::default(),
            change: Notify::new(),
            is_connected: AtomicBool::new(true),
        });
        let inbox = Arc::new(Inbox::new(INBOX_BYTES));
        let work = keep_connected(server, subscriptions.clone(), inbox.clone(), prefix_len);
        Self {
            subscriptions,
            inbox,
            _task: Task::spawn(work),
        }
    }

    pub(super) fn subscribe(&self, channel: Vec<u8>) {
        let channel = Channel::from(channel);
        let mut wishes = self.subscriptions.lock();
        if wishes.wanted.insert(channel.clone()) {
            wishes.changed.insert(channel);
        }
        drop(wishes);
        self.subscriptions.change.notify_one();
    }

    pub(super) fn unsubscribe(&self, channel: &[u8]) {
        let mut wishes = self.subscriptions.lock();
        if let Some(channel) = wishes.wanted.take(channel) {
            wishes.changed.insert(channel);
        }
        drop(wishes);
        self.subscriptions.change.notify_one();
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    pub(super) fn is_connected(&self) -> bool {
        self.subscriptions.is_connected.load(Ordering::Relaxed)
    }
}

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wishes {
    /// Has a new connection, which has no subscription, get all of them.
    fn start_over(&mut self) {
        self.changed = self.wanted.clone();
    }

    /// Takes up to [`BATCH`] changes. `active` is what the connection has, and follows the changes.
    fn changes(&mut self, active: &mut HashSet<Channel>) -> Changes {
        let batch: Vec<_> = self.changed.iter().take(BATCH).cloned().collect();
        let mut changes = Changes::default();
        for channel in batch {
            self.changed.remove(&channel);
            let is_wanted = self.wanted.contains(&channel);
            if is_wanted && active.insert(channel.clone()) {
                changes.subscribe.push(channel);
            } else if !is_wanted && active.remove(&channel) {
                changes.unsubscribe.push(channel);
            }
        }
        if self.changed.is_empty() {
            self.changed = HashSet::new();
        }
        changes
    }
}

impl Changes {
    async fn make(&self, link: &Link) -> RedisResult<()> {
        let mut connection = link.connection.clone();
        if !self.subscribe.is_empty() {
            let names: Vec<&[u8]> = self.subscribe.iter().map(|name| &name[..]).collect();
            connection.subscribe(names).await?;
        }
        if !self.unsubscribe.is_empty() {
            let names: Vec<&[u8]> = self.unsubscribe.iter().map(|name| &name[..]).collect();
            connection.unsubscribe(names).await?;
        }
        Ok(())
    }
}

async fn keep_connected(
    server: Arc<Server>,
    subscriptions: Arc<Subscriptions>,
    inbox: Arc<Inbox>,
    prefix_len: usize,
) {
    let set_connected = |is_connected| {
        let flag = &subscriptions.is_connected;
        flag.store(is_connected, Ordering::Relaxed);
    };
    let mut connector = Connector::new(Purpose::Subscribing);
    let throttle = Throttle::default();
    for connection in 0_u64.. {
        let connect = || {
            let inbox = inbox.clone();
            let on_message = move |data| put(&inbox, data, prefix_len);
            server.connect(ANSWER_TIMEOUT, on_message)
        };
        let give_up = || set_connected(false);
        let link = connector.connect(connect, give_up).await;
        subscriptions.lock().start_over();
        let mut active = HashSet::new();
        let changed = change(&link, &subscriptions, &mut active, &throttle).await;
        if changed.is_ok() {
            set_connected(true);
            if connection > 0 {
                inbox.put_gap();
            }
            while wait(&link, &subscriptions, &mut active, &throttle)
                .await
                .is_ok()
            {}
        }
        set_connected(false);
        meter::lost("disconnected");
        inbox.put_gap();
    }
}

/// Waits until there is something to do on a connection, and does it. Fails when the connection is of no
/// use.
async fn wait(
    link: &Link,
    subscriptions: &Subscriptions,
    active: &mut HashSet<Channel>,
    throttle: &Throttle,
) -> Result<(), ()> {
    tokio::select! {
        () = link.ended() => Err(()),
        () = subscriptions.change.notified() => change(link, subscriptions, active, throttle).await,
        () = sleep(PING_INTERVAL) => link.ping().await.map_err(|_| ()),
    }
}

/// Makes all changes. A channel that the server refuses costs the connection, so that it is tried again.
async fn change(
    link: &Link,
    subscriptions: &Subscriptions,
    active: &mut HashSet<Channel>,
    throttle: &Throttle,
) -> Result<(), ()> {
    loop {
        let changes = subscriptions.lock().changes(active);
        if let Err(error) = changes.make(link).await {
            if throttle.passes("cannot_subscribe") {
                tracing::warn!(%error, "cannot subscribe");
            }
            if error.code().is_some() {
                sleep(REFUSAL_PAUSE).await;
            }
            return Err(());
        }
        if subscriptions.lock().changed.is_empty() {
            return Ok(());
        }
    }
}

/// Puts a message of the server into the inbox.
fn put(inbox: &Inbox, data: Vec<Value>, prefix_len: usize) {
    let Ok([Value::BulkString(channel), Value::BulkString(message)]) = <[Value; 2]>::try_from(data)
    else {
        return;
    };
    if channel.len() >= prefix_len {
        let channel = Bytes::from(channel).slice(prefix_len..);
        inbox.put(channel, Bytes::from(message));
    }
}

/// How many channels one command subscribes to.
const BATCH: usize = 500;

/// How many bytes wait for a node that does not take them.
const INBOX_BYTES: usize = 16 << 20;

/// For how long an answer is waited for. It comes behind the messages that are under way.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long nothing is tried after the server has refused a channel.
const REFUSAL_PAUSE: Duration = Duration::from_secs(5);
