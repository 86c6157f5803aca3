use std::time::Duration;

/// Delays and limits of a [`Session`](crate::Session).
///
/// Where sockjs-node has the option, the default is the same. A delay of more than 100 years counts
/// as 100 years, so [`Duration::MAX`] is allowed and means "practically never".
///
/// ```
/// use std::time::Duration;
/// use sockjs_core::SessionConfig;
///
/// let config = SessionConfig::default()
///     .with_heartbeat_delay(Duration::from_secs(10))
///     .with_send_buffer(64 * 1024);
/// assert_eq!(config.heartbeat_delay(), Some(Duration::from_secs(10)));
/// assert_eq!(config.disconnect_delay(), Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct SessionConfig {
    heartbeat_delay: Option<Duration>,
    disconnect_delay: Duration,
    pong_timeout: Option<Duration>,
    send_timeout: Duration,
    send_buffer: usize,
    receive_buffer: usize,
    frame_limit: usize,
}

impl SessionConfig {
    /// The number of bytes that a queued message counts in addition to its [`size`](crate::Message::size).
    ///
    /// It is about what a message costs in memory, so that a million empty messages do not count
    /// as nothing.
    pub const MESSAGE_OVERHEAD: usize = 64;

    /// The number of bytes that a queued payload counts in addition to its
    /// [`size`](crate::Payload::size), for the same reason.
    pub const PAYLOAD_OVERHEAD: usize = 64;

    /// Sets after how long without a frame an attached receiver is sent a heartbeat. Default: 25 s.
    ///
    /// The default is well below the 60 s after which many proxies close an idle connection. `None`
    /// or zero turns heartbeats off.
    pub fn with_heartbeat_delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        // Heartbeats without a delay would never stop.
        self.heartbeat_delay = delay.into().filter(|delay| !delay.is_zero()).map(shorten);
        self
    }

    /// Sets how long a session lives without an attached receiver. Default: 5 s.
    ///
    /// With zero, a session ends at the next call of
    /// [`handle_timeout`](crate::Session::handle_timeout) that finds it without a receiver.
    pub fn with_disconnect_delay(mut self, delay: Duration) -> Self {
        self.disconnect_delay = shorten(delay);
        self
    }

    /// Sets how long a client may take to answer a heartbeat. Default: `None`, no answer is
    /// expected.
    ///
    /// The time starts when the heartbeat is written, and any byte from the client is an answer.
    /// Set this only for transports on which a client can answer, which are the WebSockets. With
    /// zero, a session closes at the next call of
    /// [`handle_timeout`](crate::Session::handle_timeout) that finds a heartbeat unanswered.
    pub fn with_pong_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.pong_timeout = timeout.into().map(shorten);
        self
    }

    /// Sets how long an attached receiver may take no bytes while some are waiting for it. Default:
    /// 30 s.
    ///
    /// With zero, a session ends at the next call of
    /// [`handle_timeout`](crate::Session::handle_timeout) that finds something waiting.
    pub fn with_send_timeout(mut self, timeout: Duration) -> Self {
        self.send_timeout = shorten(timeout);
        self
    }

    /// Sets how many bytes of messages may be queued for the client. Default: 1 MiB.
    ///
    /// A message counts its [`size`](crate::Message::size) and
    /// [`MESSAGE_OVERHEAD`](Self::MESSAGE_OVERHEAD). An empty queue accepts one message of any
    /// length, so with zero one message at a time is queued.
    pub fn with_send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Sets how many bytes of payloads may be queued for the application. Default: 256 KiB.
    ///
    /// A payload counts its [`size`](crate::Payload::size) and
    /// [`PAYLOAD_OVERHEAD`](Self::PAYLOAD_OVERHEAD). A payload is accepted while the queue holds
    /// fewer bytes than the limit or is empty, so the queue may exceed the limit by one payload,
    /// and with zero one payload at a time is queued.
    pub fn with_receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// Sets how many bytes a frame of several messages may have. Default: 32 KiB.
    ///
    /// The text of the frame counts, with its escapes: `a["hello","world"]` has 18 bytes. Messages
    /// that do not fit go into the next frame. A message that does not fit in any frame has a frame
    /// of its own, so with zero each message has one.
    ///
    /// Many WebSocket clients refuse a message above a limit of theirs. With the default, the limit
    /// of a client can be as low as 32 KiB, if no single message is longer.
    pub fn with_frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = bytes;
        self
    }

    /// Returns after how long without a frame a heartbeat is sent; `None` if none is.
    pub fn heartbeat_delay(&self) -> Option<Duration> {
        self.heartbeat_delay
    }

    /// Returns how long a session lives without an attached receiver.
    pub fn disconnect_delay(&self) -> Duration {
        self.disconnect_delay
    }

    /// Returns how long a client may take to answer a heartbeat; `None` if no answer is expected.
    pub fn pong_timeout(&self) -> Option<Duration> {
        self.pong_timeout
    }

    /// Returns how long an attached receiver may take no bytes while some are waiting for it.
    pub fn send_timeout(&self) -> Duration {
        self.send_timeout
    }

    /// Returns how many bytes of messages may be queued for the client.
    pub fn send_buffer(&self) -> usize {
        self.send_buffer
    }

    /// Returns how many bytes of payloads may be queued for the application.
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Returns how many bytes a frame of several messages may have.
    pub fn frame_limit(&self) -> usize {
        self.frame_limit
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            heartbeat_delay: Some(Duration::from_secs(25)),
            disconnect_delay: Duration::from_secs(5),
            pong_timeout: None,
            send_timeout: Duration::from_secs(30),
            send_buffer: 1024 * 1024,
            receive_buffer: 256 * 1024,
            frame_limit: 32 * 1024,
        }
    }
}

/// Shortens a delay so that it can be added to any `Instant` without overflow.
fn shorten(delay: Duration) -> Duration {
    delay.min(CENTURY)
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
