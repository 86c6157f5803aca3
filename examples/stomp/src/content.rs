use crate::frame::Frame;
use crate::header::Headers;

/// What a message says: the headers of the application, such as `content-type`, and the body. SockJS carries
/// text, so the body is text too.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Content {
    headers: Headers,
    body: String,
}

impl Content {
    /// Makes one without headers.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            headers: Headers::default(),
            body: body.into(),
        }
    }

    /// Adds a header. Headers that STOMP itself uses, such as `destination` or `content-length`, are ignored.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        if !OWN_HEADERS.contains(&name.as_str()) {
            self.headers.push(name, value);
        }
        self
    }

    /// Returns the headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns the body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns the content of a SEND frame.
    pub(crate) fn of(frame: Frame) -> Self {
        let content = Self::new(frame.body);
        let headers = frame.headers.iter();
        headers.fold(content, |content, (name, value)| {
            content.header(name, value)
        })
    }

    /// Returns how much memory the content takes, roughly.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        128 + headers + self.body.len()
    }
}

impl<T: Into<String>> From<T> for Content {
    fn from(body: T) -> Self {
        Self::new(body)
    }
}

/// Headers that mean something between two ends only. All others are the application's, and are
/// passed on.
const OWN_HEADERS: [&str; 7] = [
    "ack",
    "content-length",
    "destination",
    "message-id",
    "receipt",
    "subscription",
    "transaction",
];
