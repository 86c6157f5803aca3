use std::sync::Arc;

use sockjs_core::Message;
use uuid::Uuid;

use crate::slow_policy::SlowPolicy;

/// A message for the sessions of all nodes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Publication {
    /// The topic whose members get the message. Without one, all sessions of the mount get it.
    pub topic: Option<Arc<str>>,
    /// The [id](crate::Session::id) of a session that does not get the message.
    pub except: Option<Uuid>,
    /// What happens to sessions whose send buffer is full. [`SlowPolicy::Wait`] ends those of other
    /// nodes, as [`SlowPolicy::Close`] does, because no node waits for the clients of another one.
    pub slow: SlowPolicy,
    /// The message.
    pub message: Message,
}

impl Publication {
    /// Makes a publication. See the fields of the same names.
    pub fn new(
        topic: Option<Arc<str>>,
        except: Option<Uuid>,
        slow: SlowPolicy,
        message: Message,
    ) -> Self {
        Self {
            topic,
            except,
            slow,
            message,
        }
    }
}

/// A message did not reach the other nodes, because the broker is away, or because the messages that
/// wait for it take too much memory.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("the message did not reach the other nodes")]
#[non_exhaustive]
pub struct NotPublished;

impl NotPublished {
    /// Makes the error.
    pub fn new() -> Self {
        Self
    }
}
