mod scanner;

use std::mem;

use serde::de::IgnoredAny;

use self::scanner::{Outline, Scanner};
use crate::Message;

/// What a client posted: checked whole, then handed out message by message.
///
/// A message is decoded when it is asked for, so that a payload keeps no more than the text it
/// came as: a body of 40,000 empty strings costs its 120 kB and not 40,000 messages.
///
/// The text must be JSON to the letter, with one exception: an escape that is half a surrogate
/// pair (`"\ud800"`) stands for no character and becomes U+FFFD, as in a browser's WebSocket.
///
/// ```
/// use sockjs_core::{Payload, PayloadError};
///
/// let mut payload = Payload::parse(r#"["hello", "w\u00f6rld"]"#, 1024)?;
/// assert_eq!(payload.next().as_deref(), Some("hello"));
/// assert_eq!(payload.next().as_deref(), Some("wörld"));
/// assert_eq!(payload.next(), None);
/// # Ok::<(), PayloadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Payload {
    text: String,
    encoding: Encoding,
    size: usize,
    left: usize,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    /// The text is an array of strings, or one string, of which the first `at` bytes are done.
    Json { at: usize },
    /// The text is the message.
    Raw,
}

impl Payload {
    /// Checks the body of an `xhr_send` or `jsonp_send`: a JSON array of strings.
    ///
    /// # Errors
    ///
    /// Fails if the body is anything else, or holds a message of more than `message_limit` bytes.
    /// Length is looked at last: a body that is too long and broken is broken.
    pub fn parse(body: impl Into<String>, message_limit: usize) -> Result<Self, PayloadError> {
        let text = body.into();
        if text.is_empty() {
            return Err(PayloadError::Expected);
        }
        match Scanner::new(&text).array() {
            Some(outline) => Self::json(text, outline, message_limit),
            None if !starts_with(&text, b'[') && is_json(&text) => Err(PayloadError::Expected),
            None => Err(PayloadError::Broken),
        }
    }

    /// Checks a WebSocket text frame: a JSON array of strings, one JSON string, or nothing.
    ///
    /// # Errors
    ///
    /// Fails with [`PayloadError::Broken`] if the text is anything else, and with
    /// [`PayloadError::TooLong`] if a message has more than `message_limit` bytes.
    pub fn parse_frame(
        text: impl Into<String>,
        message_limit: usize,
    ) -> Result<Self, PayloadError> {
        let text = text.into();
        let outline = if text.is_empty() {
            Some(Outline::default())
        } else if starts_with(&text, b'"') {
            Scanner::new(&text).single()
        } else {
            Scanner::new(&text).array()
        };
        Self::json(text, outline.ok_or(PayloadError::Broken)?, message_limit)
    }

    /// Takes a raw WebSocket's text as one message.
    ///
    /// # Errors
    ///
    /// Fails with [`PayloadError::TooLong`] if the text has more than `message_limit` bytes.
    pub fn raw(text: impl Into<String>, message_limit: usize) -> Result<Self, PayloadError> {
        let text = text.into();
        if text.len() > message_limit {
            return Err(PayloadError::TooLong);
        }
        Ok(Self {
            size: text.len(),
            text,
            encoding: Encoding::Raw,
            left: 1,
        })
    }

    fn json(text: String, outline: Outline, message_limit: usize) -> Result<Self, PayloadError> {
        if outline.longest > message_limit {
            return Err(PayloadError::TooLong);
        }
        let encoding = Encoding::Json { at: 0 };
        Ok(Self {
            size: text.len(),
            text,
            encoding,
            left: outline.strings,
        })
    }

    /// Returns how many bytes this payload keeps in memory, counted against `receive_buffer`.
    ///
    /// This is the length of the text it was made from, and stays the same until it is dropped.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns how many messages are left.
    pub fn len(&self) -> usize {
        self.left
    }

    /// Returns whether no message is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Iterator for Payload {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.left = self.left.checked_sub(1)?;
        let text = match &mut self.encoding {
            Encoding::Json { at } => {
                let mut scanner = Scanner::resume(&self.text, *at);
                let text = scanner.decode_next();
                *at = scanner.position();
                text
            }
            Encoding::Raw => mem::take(&mut self.text),
        };
        Some(text.into())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Why a client's payload was refused. Nothing of a refused payload is delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// There was no body, or it is JSON of another type than an array.
    #[error("payload expected")]
    Expected,
    /// The text is not JSON, or an element of the array is not a string.
    #[error("broken JSON encoding")]
    Broken,
    /// A message is longer than the limit.
    #[error("message too long")]
    TooLong,
}

fn starts_with(text: &str, first: u8) -> bool {
    text.bytes().find(|byte| !scanner::is_space(byte)) == Some(first)
}

fn is_json(text: &str) -> bool {
    // Ignoring a value needs no recursion, so nesting cannot overflow the stack.
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
