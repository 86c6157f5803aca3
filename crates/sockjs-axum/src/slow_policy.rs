/// What [`SockJsHandle::broadcast`](crate::SockJsHandle::broadcast) and
/// [`Topic::send`](crate::Topic::send) do with sessions whose send buffer is full.
///
/// With [peers](crate::SockJsLayer::peers), no node waits for the clients of another one: on the other
/// nodes, [`Wait`](Self::Wait) ends sessions as [`Close`](Self::Close) does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SlowPolicy {
    /// Wait until the buffer has room or the session ends. All other sessions get the message before.
    Wait,
    /// Skip the session.
    Skip,
    /// End the session as [`SlowClient`](crate::Cause::SlowClient).
    Close,
}
