use std::borrow::Cow;

/// The code and text that tell a client why its session ended.
///
/// They are the two values of a `c[code,"reason"]` frame. See
/// [`Ending`](crate::Ending#reason-and-cause) for how this type relates to
/// [`Cause`](crate::Cause).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CloseReason {
    code: u16,
    reason: Cow<'static, str>,
}

impl CloseReason {
    /// 1000 `Normal closure`: the application closed the session without a reason of its own.
    pub const NORMAL: Self = Self::from_static(1000, "Normal closure");

    /// 1002 `Connection interrupted`: the connection broke, the client did not return in time, or
    /// it took data too slowly.
    pub const INTERRUPTED: Self = Self::from_static(1002, "Connection interrupted");

    /// 1001 `Going away`: the server is shutting down.
    pub const GOING_AWAY: Self = Self::from_static(1001, "Going away");

    /// 1002 `Protocol error`: the client of a WebSocket violated RFC 6455.
    pub const PROTOCOL_ERROR: Self = Self::from_static(1002, "Protocol error");

    /// 1005 without a text: the client closed its WebSocket without a close code (RFC 6455 §7.1.5).
    ///
    /// It is for the application, and is never sent.
    pub const NO_STATUS: Self = Self::from_static(1005, "");

    /// 1007 `Broken framing.`: a WebSocket message was not the JSON that clients send, or not UTF-8.
    pub const BROKEN_FRAMING: Self = Self::from_static(1007, "Broken framing.");

    /// 1009 `Message too long`: the client sent more than a limit allows.
    pub const TOO_LONG: Self = Self::from_static(1009, "Message too long");

    /// 1011 `Internal error`: the application's handler failed.
    pub const INTERNAL_ERROR: Self = Self::from_static(1011, "Internal error");

    /// 2010 `Another connection still open`: the session already has a receiver.
    ///
    /// It is sent to the second receiver, and does not end the session.
    pub const ANOTHER_CONNECTION: Self = Self::from_static(2010, "Another connection still open");

    /// 3000 `No response from heartbeat`: the client sent no byte within the pong timeout.
    pub const NO_HEARTBEAT: Self = Self::from_static(3000, "No response from heartbeat");

    /// Creates a close reason.
    ///
    /// Use 1000 or a code from 3000 to 4999, because browsers allow applications only these. The
    /// code is not checked, because SockJS clients accept any number.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// Creates a close reason from a static text; usable in constants.
    pub const fn from_static(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    /// Returns the code.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Returns the text.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the code and the text for the WebSocket close frame that follows the `c` frame (rule P39
    /// of `docs/protocol.md`).
    ///
    /// A code that RFC 6455 §7.4 does not allow becomes 1000. A text of more than 123 bytes, which is
    /// what fits in the frame, is truncated at a character.
    ///
    /// ```
    /// use sockjs_core::CloseReason;
    ///
    /// let reason = CloseReason::new(3000, "Go away!");
    /// assert_eq!(reason.for_websocket(), (3000, "Go away!"));
    ///
    /// let reason = CloseReason::ANOTHER_CONNECTION;
    /// assert_eq!(reason.for_websocket(), (1000, "Another connection still open"));
    /// ```
    pub fn for_websocket(&self) -> (u16, &str) {
        let code = match self.code {
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => code,
            _ => 1000,
        };
        let mut end = self.reason.len().min(MAX_WEBSOCKET_TEXT);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        (code, &self.reason[..end])
    }
}

/// A control frame has at most 125 bytes, and the code takes two of them.
const MAX_WEBSOCKET_TEXT: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    /// P39: Close by the server.
    #[test]
    fn codes_that_a_websocket_cannot_send_become_1000() {
        for (code, sent) in [
            (999, 1000),
            (1000, 1000),
            (1003, 1003),
            (1004, 1000),
            (1005, 1000),
            (1006, 1000),
            (1007, 1007),
            (1014, 1014),
            (1015, 1000),
            (2999, 1000),
            (3000, 3000),
            (4999, 4999),
            (5000, 1000),
        ] {
            let reason = CloseReason::new(code, "bye");
            assert_eq!(reason.for_websocket(), (sent, "bye"), "{code}");
        }
    }

    /// P39: Close by the server.
    #[test]
    fn long_texts_are_truncated_at_a_character() {
        for (text, sent) in [
            ("x".repeat(123), "x".repeat(123)),
            ("x".repeat(124), "x".repeat(123)),
            ("\u{fc}".repeat(62), "\u{fc}".repeat(61)),
            ("\u{1f642}".repeat(31), "\u{1f642}".repeat(30)),
        ] {
            assert_eq!(CloseReason::new(3000, text).for_websocket().1, sent);
        }
    }
}
