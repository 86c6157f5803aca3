use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use sockjs_core::{Cause, CloseReason, Message};
use uuid::Uuid;

use super::broadcast::{Broadcast, BroadcastOutcome, Scope};
use crate::session::{Receiver, Sender, Session, SessionRef, Shared};
use crate::slow_policy::SlowPolicy;
use crate::topics::{Members, Topics};

/// The sessions of a mount that have [joined](Session::join) one topic, such as the members of a room.
///
/// [`SockJsHandle::topic`](crate::SockJsHandle::topic) and [`Session::topic`] make it from the name. That
/// costs little, and so do clones. A topic exists for as long as it has members; a `Topic` keeps neither
/// the topic nor its members. Topics of two mounts have nothing in common.
///
/// With [peers](crate::SockJsLayer::peers), [`send`](Self::send) and [`send_except`](Self::send_except)
/// reach the members on all nodes. The other methods are about the members on this node.
///
/// # Example: rooms
///
/// ```
/// use sockjs_axum::{Session, SlowPolicy, SockJsLayer};
///
/// async fn chat(mut session: Session) {
///     // The first message of the client is the name of a room.
///     let Some(name) = session.recv().await else {
///         return;
///     };
///     if let Err(error) = session.join(&name) {
///         return session.close(4000, error.to_string());
///     }
///     let room = session.topic(&name);
///     while let Some(message) = session.recv().await {
///         room.send_except(session.id(), message, SlowPolicy::Close).await;
///     }
/// }
///
/// let layer: SockJsLayer = SockJsLayer::new("/chat").on_session(chat);
/// let room = layer.handle().topic("tea");
/// assert!(room.is_empty());
/// ```
#[derive(Clone)]
pub struct Topic {
    topics: Arc<Topics<Arc<Shared>>>,
    name: Arc<str>,
    scope: Scope,
}

impl Topic {
    pub(super) fn new(topics: Arc<Topics<Arc<Shared>>>, name: &str) -> Self {
        Self {
            topics,
            name: name.into(),
            scope: Scope::All,
        }
    }

    /// Returns the part of the topic that is on this node: messages to it do not reach the sessions of other
    /// nodes. Without [peers](crate::SockJsLayer::peers) it makes no difference.
    pub fn local(self) -> Self {
        Self {
            scope: Scope::Local,
            ..self
        }
    }

    /// Returns the name of the topic.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a message to all members. The message is encoded once, whatever the number of members.
    ///
    /// `slow` says what happens to members whose send buffer is full. Messages that one task sends arrive
    /// in their order. Messages that two tasks send at the same time may arrive in different orders at
    /// different members. So send a list of the members from one task, or send who joined and who left.
    ///
    /// [`Message::from_json`] makes a message of a value: `topic.send(Message::from_json(&value)?, slow)`.
    ///
    /// A session that joins while the message is sent may get it or not.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the members that it still waits for do not get the message.
    pub async fn send(&self, message: impl Into<Message>, slow: SlowPolicy) -> BroadcastOutcome {
        self.send_to(message.into(), None, slow).await
    }

    /// Sends a message to all members except the session with that [id](Session::id), which need not be
    /// a member. See [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the members that it still waits for do not get the message.
    pub async fn send_except(
        &self,
        session: Uuid,
        message: impl Into<Message>,
        slow: SlowPolicy,
    ) -> BroadcastOutcome {
        self.send_to(message.into(), Some(session), slow).await
    }

    /// Returns all members, in no particular order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionRef> + use<> {
        let members = self.members();
        let sessions = members.iter().map(|it| SessionRef::new(it.clone()));
        sessions.collect::<Vec<_>>().into_iter()
    }

    /// Returns the number of members. A session that is closing is a member until it is over.
    pub fn len(&self) -> usize {
        self.topics.len(&self.name)
    }

    /// Returns whether the topic has no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes the sessions of all members, and returns their number. Sessions that are closing already do
    /// not count. See [`Session::close`].
    pub fn close(&self, code: u16, reason: impl Into<Cow<'static, str>>) -> usize {
        let reason = CloseReason::new(code, reason);
        let sessions = self.sessions();
        sessions
            .filter(|session| session.shared().close(reason.clone(), Cause::ClosedByApp))
            .count()
    }

    async fn send_to(
        &self,
        message: Message,
        except: Option<Uuid>,
        slow: SlowPolicy,
    ) -> BroadcastOutcome {
        let broadcast = self.offer(message, except);
        let peers = self.topics.peers().filter(|_| self.scope == Scope::All);
        broadcast
            .publish(peers, Some(&self.name), except, slow)
            .await
    }

    /// Queues a message for the members whose send buffer has room.
    fn offer(&self, message: Message, except: Option<Uuid>) -> Broadcast {
        let mut broadcast = Broadcast::new(message);
        for session in self.members().iter() {
            if except != Some(session.opening().id) {
                broadcast.offer(session);
            }
        }
        broadcast
    }

    fn members(&self) -> Members<Arc<Shared>> {
        self.topics.members(&self.name)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The way from a session to the topics of its mount. It is here, because a session knows its own topics
/// alone.
macro_rules! impl_topic {
    ($($type:ty),+) => {$(
        /// The topics of the mount.
        impl $type {
            /// Returns a topic of the session's mount. The session need not be in it. It is the same as
            /// [`SockJsHandle::topic`](crate::SockJsHandle::topic).
            ///
            /// `session.topic("room").send_except(session.id(), …)` sends to everybody else in a room.
            pub fn topic(&self, name: &str) -> Topic {
                Topic::new(self.shared().topics().clone(), name)
            }
        }
    )+};
}

impl_topic!(Session, Sender, Receiver, SessionRef);
