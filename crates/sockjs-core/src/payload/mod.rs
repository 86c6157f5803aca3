mod decoder;
mod lengths;

use std::mem;

use serde::de::IgnoredAny;

use self::decoder::{Decoded, Decoder};
use crate::Message;
use crate::plain::plain_len;
use crate::unquote::text_len;

/// The messages that a client posted in one request or one WebSocket message.
///
/// The whole text is validated and decoded at once. The decoded messages share one buffer, which is
/// not longer than the text, and the iterator allocates each [`Message`] when it is taken. A body
/// of 40,000 empty strings therefore keeps about 40 kB in memory and not 40,000 messages. A single message may be
/// kept in the encoding in which it came, and is decoded when its text is needed.
///
/// The text must be valid JSON, with one exception: an escape of half a surrogate pair (`"\ud800"`)
/// is accepted. It is not a character, so it becomes U+FFFD, as in the WebSocket of a browser.
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
    One(String),
    /// The one message as it came: a JSON string. Its text has `len` bytes.
    Quoted { json: Box<[u8]>, len: usize },
    /// Messages one after the other, then their [lengths]. The next message starts at `at`, and its
    /// length at `len_at`.
    Many {
        messages: String,
        at: usize,
        len_at: usize,
    },
}

impl Payload {
    /// Parses the body of an `xhr_send` or `jsonp_send` request: a JSON array of strings.
    ///
    /// The limit is in bytes of UTF-8, after decoding, and applies to each message.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::Expected`] if the body is empty, or is JSON but not an array.
    /// - [`PayloadError::Broken`] if it is not JSON, or is an array with an element that is not a
    ///   string.
    /// - [`PayloadError::TooLong`] if it is valid but a message is longer than `message_limit`.
    pub fn parse(body: &str, message_limit: usize) -> Result<Self, PayloadError> {
        if body.is_empty() {
            return Err(PayloadError::Expected);
        }
        if let Some(one) = Self::one(body, message_limit) {
            return one;
        }
        match Decoder::new(body).array() {
            Some(decoded) => Self::decoded(decoded, message_limit),
            None if !starts_with(body, b'[') && is_json(body) => Err(PayloadError::Expected),
            None => Err(PayloadError::Broken),
        }
    }

    /// Parses a text message of a WebSocket: a JSON array of strings, one JSON string, or nothing.
    ///
    /// The limit is in bytes of UTF-8, after decoding, and applies to each message.
    ///
    /// # Errors
    ///
    /// - [`PayloadError::Broken`] if the text is anything else.
    /// - [`PayloadError::TooLong`] if it is valid but a message is longer than `message_limit`.
    pub fn parse_frame(text: &str, message_limit: usize) -> Result<Self, PayloadError> {
        if let Some(one) = Self::one(text, message_limit) {
            return one;
        }
        let decoded = if text.is_empty() {
            Some(Decoded::default())
        } else if starts_with(text, b'"') {
            Decoder::new(text).single()
        } else {
            Decoder::new(text).array()
        };
        Self::decoded(decoded.ok_or(PayloadError::Broken)?, message_limit)
    }

    /// Creates a payload of one message from a text message of a raw WebSocket.
    ///
    /// # Errors
    ///
    /// [`PayloadError::TooLong`] if the text has more than `message_limit` bytes of UTF-8.
    pub fn raw(text: impl Into<String>, message_limit: usize) -> Result<Self, PayloadError> {
        let text = text.into();
        if text.len() > message_limit {
            return Err(PayloadError::TooLong);
        }
        Ok(Self {
            size: text.len(),
            content: Content::One(text),
            left: 1,
        })
    }

    /// Parses an array with one message that needs no decoding, because it has no escape or is kept as it is.
    /// Nearly always an array in a WebSocket message is one.
    #[inline]
    fn one(array: &str, message_limit: usize) -> Option<Result<Self, PayloadError>> {
        let message = array.strip_prefix("[\"")?.strip_suffix("\"]")?;
        match message.as_bytes().get(plain_len(message.as_bytes())) {
            None => Some(Self::raw(message, message_limit)),
            Some(b'\\') if message.len() >= WORTH_KEEPING => {
                let json = &array[1..array.len() - 1];
                let len = text_len(message.as_bytes())?;
                Some(Self::quoted(json, len, message_limit))
            }
            Some(_) => None,
        }
    }

    fn quoted(json: &str, len: usize, message_limit: usize) -> Result<Self, PayloadError> {
        if len > message_limit {
            return Err(PayloadError::TooLong);
        }
        Ok(Self {
            size: json.len(),
            content: Content::Quoted {
                json: json.as_bytes().into(),
                len,
            },
            left: 1,
        })
    }

    fn decoded(decoded: Decoded, message_limit: usize) -> Result<Self, PayloadError> {
        let Decoded {
            mut messages,
            lengths,
            count,
            longest,
        } = decoded;
        if longest > message_limit {
            return Err(PayloadError::TooLong);
        }
        let len_at = messages.len();
        messages.reserve_exact(lengths.len());
        messages.extend_from_slice(&lengths);
        // The buffer is as long as the text, although escapes and white space may be most of it.
        let spare = messages.capacity() - messages.len();
        if spare > MAX_SPARE + messages.len() / 4 {
            messages.shrink_to_fit();
        }
        // Checked once for all messages, which is cheaper than for each.
        let messages =
            String::from_utf8(messages).expect("UTF-8 was decoded, and lengths are ASCII");
        Ok(Self {
            size: messages.capacity(),
            content: if count > 1 {
                Content::Many {
                    messages,
                    at: 0,
                    len_at,
                }
            } else {
                Content::One(messages)
            },
            left: count,
        })
    }

    /// Returns how many bytes of memory this payload counts against
    /// [`receive_buffer`](crate::SessionConfig::with_receive_buffer).
    ///
    /// After [`parse`](Self::parse) and [`parse_frame`](Self::parse_frame), that is the capacity of
    /// the buffer with the decoded messages. After [`raw`](Self::raw), it is the length of the
    /// message. It never exceeds the length of the text that was parsed, but for a byte for each message of
    /// more than 256 KiB. It stays the same when messages are taken, because the buffer is freed as a
    /// whole.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns how many bytes of UTF-8 the messages that are left have in total.
    ///
    /// Only their text counts. Brackets, commas and quotation marks do not, and an escape counts as
    /// the character that it stands for.
    pub fn text_len(&self) -> usize {
        match &self.content {
            Content::One(text) => text.len(),
            Content::Quoted { len, .. } => *len,
            Content::Many {
                messages, len_at, ..
            } => {
                let mut digits = &messages.as_bytes()[*len_at..];
                let mut text = 0;
                while !digits.is_empty() {
                    let (len, count) = lengths::read(digits);
                    text += len;
                    digits = &digits[count..];
                }
                text
            }
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
            Content::One(text) => mem::take(text),
            Content::Quoted { json, len } => {
                return Some(Message::from_quoted(mem::take(json), mem::take(len)));
            }
            Content::Many {
                messages,
                at,
                len_at,
            } => {
                let (len, digits) = lengths::read(&messages.as_bytes()[*len_at..]);
                let message = messages[*at..*at + len].to_owned();
                *at += len;
                *len_at += digits;
                message
            }
        };
        Some(text.into())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Why a payload from a client was refused. None of its messages is delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The body is empty, or is JSON but not an array.
    #[error("payload expected")]
    Expected,
    /// The text is not JSON, or is JSON of a type that is not accepted here.
    #[error("broken JSON encoding")]
    Broken,
    /// A message is longer than the limit.
    #[error("message too long")]
    TooLong,
}

/// From which length on a message is kept as it came. A shorter one is decoded faster than the memory for it
/// is found.
const WORTH_KEEPING: usize = 64;

/// The number of spare bytes that do not justify a reallocation.
const MAX_SPARE: usize = 16;

fn starts_with(text: &str, first: u8) -> bool {
    text.bytes().find(|byte| !decoder::is_space(byte)) == Some(first)
}

fn is_json(text: &str) -> bool {
    // `IgnoredAny` is parsed without recursion, so nested values cannot overflow the stack.
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
