use std::sync::Arc;
use std::time::Duration;

/// Delays and limits of one [`Session`](crate::Session).
///
/// The defaults are those of the SockJS reference server where it has the option. A delay may be as
/// long as [`Duration::MAX`]; what is longer than a century counts as one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionConfig {
    /// After how long a silence an attached receiver is sent a heartbeat; `None` or zero is never.
    ///
    /// 25 s unless set: less than the minute after which many proxies drop an idle connection.
    pub heartbeat_delay: Option<Duration>,

    /// How long a session lives without a receiver. 5 s unless set.
    pub disconnect_delay: Duration,

    /// How long a client may take to show a sign of life once a heartbeat is written; `None`, as
    /// unless set, does not ask. Only for transports that hear from the client: WebSocket.
    pub pong_timeout: Option<Duration>,

    /// How long an attached receiver may take nothing while something waits for it. 30 s unless
    /// set.
    pub send_timeout: Duration,

    /// How many bytes of messages may wait for the client. 1 MiB unless set.
    ///
    /// A message counts its text and [`MESSAGE_OVERHEAD`](Self::MESSAGE_OVERHEAD). One message may
    /// always wait, however long it is.
    pub send_buffer: usize,

    /// How many bytes of payloads may wait for the application. 256 KiB unless set.
    ///
    /// A payload is taken while fewer bytes than this wait, so that up to one payload more may be
    /// held. Each counts its [`size`](crate::Payload::size) and
    /// [`PAYLOAD_OVERHEAD`](Self::PAYLOAD_OVERHEAD).
    pub receive_buffer: usize,
}

impl SessionConfig {
    /// What a message that waits counts besides its text, in bytes: about what it costs in memory,
    /// so that a million empty messages do not pass as nothing.
    pub const MESSAGE_OVERHEAD: usize = 64;

    /// What a payload that waits counts besides its size, in bytes, for the same reason.
    pub const PAYLOAD_OVERHEAD: usize = 64;

    /// Turns off heartbeats without a delay, of which there would be no end, and shortens delays
    /// that lead beyond the last instant there is.
    pub(crate) fn normalized(self: Arc<Self>) -> Arc<Self> {
        let shorten = |delay: Duration| delay.min(CENTURY);
        let normalized = Self {
            heartbeat_delay: self
                .heartbeat_delay
                .filter(|delay| !delay.is_zero())
                .map(shorten),
            disconnect_delay: shorten(self.disconnect_delay),
            pong_timeout: self.pong_timeout.map(shorten),
            send_timeout: shorten(self.send_timeout),
            ..*self
        };
        if normalized == *self {
            self
        } else {
            Arc::new(normalized)
        }
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
        }
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
