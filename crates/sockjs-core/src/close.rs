use std::borrow::Cow;

/// Why a session ends, as the client is told: the two values of a `c[code,"reason"]` frame.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CloseReason {
    code: u16,
    reason: Cow<'static, str>,
}

impl CloseReason {
    /// 1000 `Normal closure`: what closing without a reason of one's own means.
    pub const NORMAL: Self = Self::from_static(1000, "Normal closure");

    /// 1002 `Connection interrupted`: the client vanished, or did not come back in time.
    pub const INTERRUPTED: Self = Self::from_static(1002, "Connection interrupted");

    /// 2010 `Another connection still open`: what a second receiver is told.
    pub const ANOTHER_CONNECTION: Self = Self::from_static(2010, "Another connection still open");

    /// 3000 `No response from heartbeat`: a WebSocket answered neither ping nor heartbeat.
    pub const NO_HEARTBEAT: Self = Self::from_static(3000, "No response from heartbeat");

    /// Makes a close reason. Applications use 1000 or 3000–4999 as codes; clients take any number.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// Makes a close reason in a constant.
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
