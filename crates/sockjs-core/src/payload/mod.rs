mod decoder;

use std::mem;

use memchr::memchr;
use serde::de::IgnoredAny;

use self::decoder::{Decoded, Decoder, END};
use crate::Message;

/// What a client posted: checked and decoded whole, then handed out message by message.
///
/// Until a message is asked for it is a part of one buffer, which is no longer than the text the
/// payload came as: a body of 40,000 empty strings costs 40 kB and not 40,000 messages.
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
    content: Content,
    size: usize,
    left: usize,
}

#[derive(Clone, Debug)]
enum Content {
    /// The one message.
    Raw(String),
    /// Messages with an [`END`] between them, of which the first `at` bytes are done.
    Decoded { messages: Vec<u8>, at: usize },
}

impl Payload {
    /// Checks the body of an `xhr_send` or `jsonp_send`: a JSON array of strings.
    ///
    /// # Errors
    ///
    /// Fails if the body is anything else, or holds a message of more than `message_limit` bytes.
    /// Length is looked at last: a body that is too long and broken is broken.
    pub fn parse(body: &str, message_limit: usize) -> Result<Self, PayloadError> {
        if body.is_empty() {
            return Err(PayloadError::Expected);
        }
        match Decoder::new(body).array() {
            Some(decoded) => Self::decoded(decoded, message_limit),
            None if !starts_with(body, b'[') && is_json(body) => Err(PayloadError::Expected),
            None => Err(PayloadError::Broken),
        }
    }

    /// Checks a WebSocket text frame: a JSON array of strings, one JSON string, or nothing.
    ///
    /// # Errors
    ///
    /// Fails with [`PayloadError::Broken`] if the text is anything else, and with
    /// [`PayloadError::TooLong`] if a message has more than `message_limit` bytes.
    pub fn parse_frame(text: &str, message_limit: usize) -> Result<Self, PayloadError> {
        let decoded = if text.is_empty() {
            Some(Decoded::default())
        } else if starts_with(text, b'"') {
            Decoder::new(text).single()
        } else {
            Decoder::new(text).array()
        };
        Self::decoded(decoded.ok_or(PayloadError::Broken)?, message_limit)
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
            content: Content::Raw(text),
            left: 1,
        })
    }

    fn decoded(decoded: Decoded, message_limit: usize) -> Result<Self, PayloadError> {
        let Decoded {
            mut messages,
            count,
            longest,
        } = decoded;
        if longest > message_limit {
            return Err(PayloadError::TooLong);
        }
        // Escapes and white space may have been most of the text.
        let spare = messages.capacity() - messages.len();
        if spare > MAX_SPARE + messages.len() / 4 {
            messages.shrink_to_fit();
        }
        Ok(Self {
            size: messages.capacity(),
            content: Content::Decoded { messages, at: 0 },
            left: count,
        })
    }

    /// Returns how many bytes this payload keeps in memory, counted against `receive_buffer`.
    ///
    /// They are no more than the text it was made from had, and the same until it is dropped.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the number of bytes of UTF-8 in the messages that are left.
    ///
    /// It counts the text alone: neither quotation marks nor brackets, and an escape as the
    /// character that it stands for.
    pub fn text_len(&self) -> usize {
        match &self.content {
            Content::Raw(text) => text.len(),
            Content::Decoded { messages, at } => match self.left.checked_sub(1) {
                Some(separators) => messages.len() - at - separators,
                None => 0,
            },
        }
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
        let text = match &mut self.content {
            Content::Raw(text) => mem::take(text),
            Content::Decoded { messages, at } => {
                let rest = &messages[*at..];
                let len = memchr(END, rest).unwrap_or(rest.len());
                let message = if len == messages.len() {
                    mem::take(messages)
                } else {
                    rest[..len].to_vec()
                };
                *at += len + 1;
                String::from_utf8(message).expect("decoded from UTF-8 between two that are not")
            }
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

/// How many bytes it is not worth to reallocate for.
const MAX_SPARE: usize = 16;

fn starts_with(text: &str, first: u8) -> bool {
    text.bytes().find(|byte| !decoder::is_space(byte)) == Some(first)
}

fn is_json(text: &str) -> bool {
    // Ignoring a value needs no recursion, so nesting cannot overflow the stack.
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
