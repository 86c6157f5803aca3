use std::sync::Arc;

use sockjs_axum::{SessionRef, TrySendError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::wire;

/// One channel of a session, handed to the handler of [`Multiplex::channel`](crate::Multiplex::channel).
///
/// When it is dropped, the client is told that the channel is closed. The session and its other channels
/// go on.
#[derive(Debug)]
pub struct Channel {
    number: u64,
    sender: ChannelSender,
    queue: mpsc::UnboundedReceiver<Queued>,
    ended: mpsc::UnboundedSender<Ended>,
    _place: Place,
}

impl Channel {
    /// Receives the next message. Returns `None` when the channel is closed and all messages that arrived
    /// before its end were received.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Option<String> {
        self.queue.recv().await.map(|queued| queued.text)
    }

    /// Sends a message. Waits while the send buffer of the session is full.
    ///
    /// # Errors
    ///
    /// If the channel is closed, by the client or by the end of its session.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send(&self, text: impl AsRef<str>) -> Result<(), ChannelClosed> {
        self.sender.send(text).await
    }

    /// Returns a sender, for use outside the handler. It keeps neither the channel nor the session open.
    pub fn sender(&self) -> ChannelSender {
        self.sender.clone()
    }

    /// Returns the name of the channel, without the escapes of the client.
    pub fn name(&self) -> &str {
        self.sender.name()
    }

    /// Returns the session of the channel: its id, the request that opened it, and the values that the
    /// application keeps with it, such as its user.
    ///
    /// Closing it closes all channels. Messages that are sent through it reach no channel.
    pub fn session(&self) -> &SessionRef {
        self.sender.session()
    }
}

/// The session cannot tell the client here, because its send buffer may be full.
impl Drop for Channel {
    fn drop(&mut self) {
        let name = self.sender.link.name.clone();
        let number = self.number;
        // If nobody receives it, the session is over.
        let _ = self.ended.send(Ended { name, number });
    }
}

/// The sending half of a [`Channel`]. Clones belong to the same channel.
#[derive(Clone, Debug)]
pub struct ChannelSender {
    link: Arc<Link>,
}

#[derive(Debug)]
struct Link {
    name: Arc<Name>,
    session: SessionRef,
    /// Has lost its sender when the channel is closed.
    open: watch::Receiver<()>,
}

impl ChannelSender {
    /// Sends a message. See [`Channel::send`].
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send(&self, text: impl AsRef<str>) -> Result<(), ChannelClosed> {
        let message = self.message(text.as_ref());
        let mut open = self.link.open.clone();
        // The client may have opened a channel of the same name again, which must not hear this one.
        tokio::select! {
            biased;
            _ = open.changed() => Err(ChannelClosed),
            sent = self.link.session.send(message) => sent.map_err(|_| ChannelClosed),
        }
    }

    /// Sends a message if the send buffer of the session has room for it.
    ///
    /// # Errors
    ///
    /// If the send buffer is full, or the channel is closed.
    pub fn try_send(&self, text: impl AsRef<str>) -> Result<(), TrySendChannelError> {
        if self.link.open.has_changed().is_err() {
            return Err(TrySendChannelError::Closed);
        }
        let message = self.message(text.as_ref());
        let sent = self.link.session.try_send(message);
        sent.map_err(|error| match error {
            TrySendError::Full(_) => TrySendChannelError::Full,
            _ => TrySendChannelError::Closed,
        })
    }

    /// Returns the name of the channel. See [`Channel::name`].
    pub fn name(&self) -> &str {
        &self.link.name.plain
    }

    /// Returns the session of the channel. See [`Channel::session`].
    pub fn session(&self) -> &SessionRef {
        &self.link.session
    }

    fn message(&self, text: &str) -> String {
        wire::message(&self.link.name.escaped, text)
    }
}

/// The channel is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the channel is closed")]
pub struct ChannelClosed;

/// Why [`ChannelSender::try_send`] did not send a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrySendChannelError {
    /// The send buffer of the session has no room.
    #[error("the send buffer is full")]
    Full,
    /// The channel is closed.
    #[error("the channel is closed")]
    Closed,
}

/// The name of a channel, as the application and as the client writes it.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) plain: String,
    pub(crate) escaped: String,
}

/// A channel that its handler has let go of.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) name: Arc<Name>,
    pub(crate) number: u64,
}

/// One of the channels that a session may have. It is free again when both the channel and its handler
/// are gone.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

/// A message in the queue of a channel, and the part of the queue that it takes.
#[derive(Debug)]
struct Queued {
    text: String,
    _room: OwnedSemaphorePermit,
}

/// The session's end of a channel. The channel is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Inlet {
    pub(crate) number: u64,
    queue: mpsc::UnboundedSender<Queued>,
    room: Arc<Semaphore>,
    size: u32,
    _open: watch::Sender<()>,
}

impl Inlet {
    /// Makes both ends of a channel whose queue takes `size` bytes.
    pub(crate) fn open(
        number: u64,
        name: Arc<Name>,
        session: SessionRef,
        size: u32,
        place: Place,
        ended: mpsc::UnboundedSender<Ended>,
    ) -> (Self, Channel) {
        let (incoming, queue) = mpsc::unbounded_channel();
        let (open, watched) = watch::channel(());
        let link = Link {
            name,
            session,
            open: watched,
        };
        let channel = Channel {
            number,
            sender: ChannelSender {
                link: Arc::new(link),
            },
            queue,
            ended,
            _place: place,
        };
        let inlet = Self {
            number,
            queue: incoming,
            room: Arc::new(Semaphore::new(size as usize)),
            size,
            _open: open,
        };
        (inlet, channel)
    }

    /// Queues a message. An empty queue accepts a message of any length, as send buffers do.
    pub(crate) fn push(&self, text: &str) -> Result<(), QueueFull> {
        let cost = u32::try_from(text.len() + MESSAGE_COST).unwrap_or(u32::MAX);
        let cost = cost.min(self.size);
        let room = self.room.clone().try_acquire_many_owned(cost);
        let text = text.to_owned();
        let queued = Queued {
            text,
            _room: room.map_err(|_| QueueFull)?,
        };
        // A channel that its handler has just let go of hears nothing more.
        let _ = self.queue.send(queued);
        Ok(())
    }
}

/// The handler of a channel does not keep up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct QueueFull;

/// What a queued message takes beside its text.
const MESSAGE_COST: usize = 64;
