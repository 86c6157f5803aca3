use std::time::Duration;

/// How much one client may make the server hold, and for how long. A client that goes beyond gets an ERROR
/// frame, which ends its session.
///
/// SockJS limits the messages that frames arrive in: see `message_limit` of
/// [`SockJsLayer`](sockjs_axum::SockJsLayer), which has to be as large as a frame that the client does not
/// cut. Each destination that a session subscribed to is a topic: see `max_topics` there, and the length that
/// [`Session::join`](sockjs_axum::Session::join) allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the command and the headers of a frame, as they arrive. Default: 16 KiB, because tokens in a
    /// CONNECT can be long.
    pub head: usize,
    /// Headers of a frame. Default: 64.
    pub headers: usize,
    /// Bytes of the body of a frame. Default: 256 KiB.
    pub body: usize,
    /// Subscriptions of a session at a time. Default: 100.
    pub subscriptions: usize,
    /// Open transactions of a session at a time. Default: 8.
    pub transactions: usize,
    /// Bytes of all messages in open transactions of a session. A message counts its headers, its body and
    /// 128 bytes. Default: 512 KiB.
    pub transaction_size: usize,
    /// Time from the opening of a session until CONNECT has arrived. Default: 30 s.
    pub connect_timeout: Duration,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        head: 16 * 1024,
        headers: 64,
        body: 256 * 1024,
        subscriptions: 100,
        transactions: 8,
        transaction_size: 512 * 1024,
        connect_timeout: Duration::from_secs(30),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
