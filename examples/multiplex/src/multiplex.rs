use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sockjs_axum::{Sender, Session};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;

use crate::channel::{Channel, ChannelClosed, Ended, Inlet, Name};
use crate::wire::{self, Incoming};

/// The channels that a session may open, and what serves them. See the documentation of the crate for an
/// example.
///
/// A session that sends anything else than websocket-multiplex does is closed with 4400. A channel that is
/// not registered, or one more than [`max_channels`](Self::max_channels), is closed at once. Clones are
/// cheap.
#[derive(Clone)]
pub struct Multiplex {
    /// By their escaped names.
    channels: Arc<HashMap<String, Registered>>,
    max_channels: usize,
    queue_size: u32,
}

#[derive(Clone)]
struct Registered {
    name: Arc<Name>,
    handler: Handler,
}

type Handler = Arc<dyn Fn(Channel) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl Multiplex {
    /// Makes one without channels.
    pub fn new() -> Self {
        Self {
            channels: Arc::default(),
            max_channels: 64,
            queue_size: 64 * 1024,
        }
    }

    /// Registers a channel. `handler` is called with each [`Channel`] of that name that a session opens, and
    /// runs as a task of its own, with the span of the session.
    ///
    /// It returns `()` or a `Result<(), E>`. An error is logged, unless it is [`ChannelClosed`], which is an
    /// end as any other. So `channel.send(text).await?` works.
    ///
    /// The channel closes when the [`Channel`] is dropped, so usually when the handler returns, or panics.
    /// When the session ends, the handler is told by [`Channel::recv`], and runs on until it returns.
    ///
    /// The name may have any characters. A second handler of the same name replaces the first.
    #[must_use]
    pub fn channel<H, F>(mut self, name: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Channel) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        let plain = name.into();
        let escaped = wire::escape(&plain);
        let registered = Registered {
            name: Arc::new(Name {
                plain,
                escaped: escaped.clone(),
            }),
            handler: Arc::new(move |channel| {
                let served = handler(channel);
                Box::pin(async move { served.await.log() })
            }),
        };
        Arc::make_mut(&mut self.channels).insert(escaped, registered);
        self
    }

    /// Sets how many channels a session may have at a time. Default: 64. A channel that is closed counts
    /// until its handler has returned.
    #[must_use]
    pub fn max_channels(mut self, channels: usize) -> Self {
        self.max_channels = channels.min(Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how many bytes wait for the handler of one channel. A message counts its text and 64 bytes.
    /// Default: 64 KiB.
    ///
    /// A message that does not fit closes its channel, so that no other channel waits for a slow one. An
    /// empty queue accepts one message of any length.
    #[must_use]
    pub fn queue_size(mut self, bytes: u32) -> Self {
        self.queue_size = bytes.min(u32::MAX >> 4);
        self
    }

    /// Serves a session until it is over and the handlers of all its channels have returned.
    pub async fn serve(self, session: Session) {
        let (sender, mut receiver) = session.split();
        let (ended, mut endings) = mpsc::unbounded_channel();
        let mut connection = Connection {
            places: Arc::new(Semaphore::new(self.max_channels)),
            multiplex: self,
            sender,
            open: HashMap::new(),
            opened: 0,
            handlers: JoinSet::new(),
            ended,
        };
        loop {
            let result = tokio::select! {
                message = receiver.recv() => match message {
                    Some(message) => connection.handle(&message).await,
                    None => break,
                },
                Some(ended) = endings.recv() => connection.end(&ended).await,
                Some(result) = connection.handlers.join_next() => {
                    report(result);
                    Ok(())
                }
            };
            if result.is_err() {
                break;
            }
        }
        connection.finish().await;
    }
}

impl Default for Multiplex {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Multiplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.channels.values().map(|it| &it.name.plain);
        f.debug_struct("Multiplex")
            .field("channels", &names.collect::<Vec<_>>())
            .field("max_channels", &self.max_channels)
            .field("queue_size", &self.queue_size)
            .finish()
    }
}

/// What the handler of a channel may return: `()` or a `Result<(), E>`.
pub trait HandlerOutput {
    /// Logs an error.
    fn log(self);
}

impl HandlerOutput for () {
    fn log(self) {}
}

impl<E: Into<Box<dyn Error + Send + Sync>>> HandlerOutput for Result<(), E> {
    fn log(self) {
        let Err(error) = self.map_err(Into::into) else {
            return;
        };
        if !error.is::<ChannelClosed>() {
            tracing::warn!(
                error = &*error as &dyn Error,
                "the handler of a channel failed"
            );
        }
    }
}

/// One session and its channels.
struct Connection {
    multiplex: Multiplex,
    sender: Sender,
    /// By their escaped names.
    open: HashMap<String, Inlet>,
    /// How many channels were opened so far. The client may open a name again while the handler of its
    /// former channel is still there.
    opened: u64,
    places: Arc<Semaphore>,
    handlers: JoinSet<()>,
    ended: mpsc::UnboundedSender<Ended>,
}

/// The session is closed.
struct Gone;

impl Connection {
    async fn handle(&mut self, message: &str) -> Result<(), Gone> {
        match Incoming::parse(message) {
            Some(Incoming::Subscribe { name }) => self.subscribe(name).await,
            Some(Incoming::Message { name, text }) => self.deliver(name, text).await,
            Some(Incoming::Unsubscribe { name }) => {
                // The client has forgotten the channel. An answer would close the next one of that name.
                self.open.remove(name);
                Ok(())
            }
            None => {
                self.sender.close(4400, "Not understood");
                Err(Gone)
            }
        }
    }

    async fn subscribe(&mut self, name: &str) -> Result<(), Gone> {
        // The client sends it again for a second object of the same name, which shares the channel.
        if self.open.contains_key(name) {
            return Ok(());
        }
        let Some(registered) = self.multiplex.channels.get(name) else {
            return self.tell_closed(name).await;
        };
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return self.tell_closed(name).await;
        };
        let place = Arc::new(place);
        self.opened += 1;
        let (inlet, channel) = Inlet::open(
            self.opened,
            registered.name.clone(),
            self.sender.session_ref().clone(),
            self.multiplex.queue_size,
            place.clone(),
            self.ended.clone(),
        );
        let handler = registered.handler.clone();
        let served = async move {
            handler(channel).await;
            drop(place);
        };
        self.handlers.spawn(served.in_current_span());
        self.open.insert(name.to_owned(), inlet);
        Ok(())
    }

    async fn deliver(&mut self, name: &str, text: &str) -> Result<(), Gone> {
        // A message of a channel that the server has closed may be under way.
        let Some(inlet) = self.open.get(name) else {
            return Ok(());
        };
        if inlet.push(text).is_ok() {
            return Ok(());
        }
        self.open.remove(name);
        self.tell_closed(name).await
    }

    /// Closes a channel that its handler has let go of, unless the client was faster.
    async fn end(&mut self, ended: &Ended) -> Result<(), Gone> {
        let name = &ended.name.escaped;
        match self.open.get(name) {
            Some(inlet) if inlet.number == ended.number => {
                self.open.remove(name);
                self.tell_closed(name).await
            }
            _ => Ok(()),
        }
    }

    async fn tell_closed(&self, name: &str) -> Result<(), Gone> {
        let sent = self.sender.send(wire::closed(name)).await;
        sent.map_err(|_| Gone)
    }

    async fn finish(mut self) {
        self.open.clear();
        while let Some(result) = self.handlers.join_next().await {
            report(result);
        }
    }
}

/// A panic has closed its channel, as the end of its handler does.
fn report(result: Result<(), JoinError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the handler of a channel panicked");
    }
}
