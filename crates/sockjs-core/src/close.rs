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
}
