//! The topics and the values of a session, for all types that the application has of it.

use std::sync::Arc;

use sockjs_core::SessionState;

use super::{Receiver, Sender, Session, SessionRef, Shared};
use crate::error::JoinError;
use crate::topics::Topics;

macro_rules! impl_keeping {
    ($($type:ty),+) => {$(
        /// The topics that the session is in.
        impl $type {
            /// Adds the session to a topic, such as a room. [`Topic::send`](crate::Topic::send) sends
            /// to all sessions that are in it.
            ///
            /// Joining a topic twice is the same as joining it once. A topic needs no other
            /// preparation, and is forgotten when the last session leaves it. A session leaves its topics
            /// when it ends, before `recv` returns `None`.
            ///
            /// # Errors
            ///
            /// If the session is closing or closed, if it is in as many topics as
            /// [`max_topics`](crate::SockJsLayer::max_topics) allows, or if the name has more than 256
            /// bytes.
            pub fn join(&self, topic: &str) -> Result<(), JoinError> {
                self.shared().join(topic)
            }

            /// Removes the session from a topic, and returns whether the session was in it.
            pub fn leave(&self, topic: &str) -> bool {
                self.shared().belongings().leave(topic)
            }

            /// Returns the names of the topics that the session is in, in no particular order.
            pub fn topics(&self) -> Vec<Arc<str>> {
                self.shared().belongings().topics()
            }
        }

        /// Values that the application keeps with the session.
        ///
        /// A session has one value of each type. [`SessionRef`]s see the values too, and so do the
        /// filters of [`broadcast_to`](crate::SockJsHandle::broadcast_to) and
        /// [`close_where`](crate::SockJsHandle::close_where).
        ///
        /// The values are dropped when the session is over, its handler has returned, and its
        /// [`Session`] or [`Receiver`] is dropped. A value that panics when it is dropped then harms nobody,
        /// and is logged.
        impl $type {
            /// Keeps a value, and returns the value of the same type that it replaces.
            ///
            /// Keep a value before you [join](Self::join) a topic, so that every member has one.
            ///
            /// When the values of the session have been dropped, the value is dropped at once.
            pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
                self.shared().insert(value)
            }

            /// Returns a clone of the value of that type.
            pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
                self.shared().belongings().get()
            }

            /// Removes the value of that type, and returns it.
            pub fn remove<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
                self.shared().belongings().remove()
            }
        }
    )+};
}

impl Shared {
    /// Returns the topics of the mount.
    pub(crate) fn topics(&self) -> &Arc<Topics<Arc<Self>>> {
        &self.belongings().mount().topics
    }

    /// Leaves all topics, because the session is over.
    pub(crate) fn leave_topics(&self) {
        self.belongings().leave_all();
    }

    fn join(self: &Arc<Self>, topic: &str) -> Result<(), JoinError> {
        let is_open = || matches!(self.state(), SessionState::Connecting | SessionState::Open);
        self.belongings().join(topic, self, is_open)
    }

    fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.belongings().insert(value, || !self.is_abandoned())
    }
}

impl_keeping!(Session, Sender, Receiver, SessionRef);
