use std::fmt;

use bytes::Bytes;

use super::future::StoreFuture;

/// Messages to all nodes that subscribe to a channel. Each message arrives at most once; those that one
/// node publishes arrive in their order.
pub trait Topics: fmt::Debug + Send + Sync + 'static {
    /// Sends a message to all subscribers, those of this node included.
    ///
    /// The message takes its place in the order, and takes up memory, at this call, not when the future
    /// is polled. A future that is dropped does not take the message back. A message is never sent twice.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](super::Unavailable) at once if there is no connection, or if too many bytes are in flight already.
    /// [`Unavailable`](super::Unavailable) later if the connection breaks or the store does not answer in time. Then the
    /// message may have arrived.
    fn publish(&self, channel: &[u8], message: Bytes) -> StoreFuture<'_, ()>;

    /// Subscribes to a channel, also after the connection was lost and is there again. It takes effect
    /// soon. It does not block, and may be called from anywhere.
    fn subscribe(&self, channel: &[u8]);

    /// Ends a subscription. It takes effect soon; until then messages may still arrive. It does not
    /// block, and may be called from anywhere.
    fn unsubscribe(&self, channel: &[u8]);

    /// Waits for the next message of any subscribed channel: the channel and the message. Ends with
    /// `Unavailable` each time when messages may have been lost. The next call waits for the next message.
    ///
    /// Messages that nobody takes are lost beyond a limit of the implementation.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken no message. One call waits at a time.
    fn recv(&self) -> StoreFuture<'_, (Bytes, Bytes)>;

    /// Returns whether messages can be sent and received, as far as is known.
    fn is_connected(&self) -> bool;
}
