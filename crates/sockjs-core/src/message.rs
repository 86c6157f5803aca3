use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::quote::{self, quote, quoted_len, quoted_len_hint};
use crate::unquote::unquote;

/// A message of the application: Unicode text that is cheap to clone.
///
/// The first clone copies the text. All clones share that copy and its JSON encoding, so a message
/// that is sent to many sessions is encoded once. A message that came from a client may keep the encoding in
/// which it came. It is decoded when its text is needed, and sent on without being encoded again.
///
/// ```
/// use sockjs_core::Message;
///
/// let message = Message::from("hello");
/// let clone = message.clone();
/// assert_eq!(clone, "hello");
/// assert!(message.starts_with("hell"));
/// ```
pub struct Message {
    /// The text until the first clone. Most messages are never cloned, so they need no `Arc`.
    own: String,
    /// The text from the first clone on, and of a message that came encoded.
    shared: OnceLock<Arc<Shared>>,
}

/// Text and encoding. One of them is always there.
struct Shared {
    len: usize,
    size: usize,
    text: OnceLock<String>,
    quoted: OnceLock<Box<[u8]>>,
}

impl Shared {
    fn text(&self) -> &str {
        self.text.get_or_init(|| self.decode())
    }

    /// Returns the encoding, if there is one or it is worth making: other clones will probably be written too.
    fn encoding(self: &Arc<Self>) -> Option<&[u8]> {
        if Arc::strong_count(self) > 1 {
            return Some(self.quoted.get_or_init(|| {
                let text = self.text();
                let mut quoted = Vec::with_capacity(quoted_len_hint(text));
                quote(text, &mut quoted);
                quoted.into_boxed_slice()
            }));
        }
        self.quoted.get().map(AsRef::as_ref)
    }

    #[cold]
    fn decode(&self) -> String {
        let quoted = self.quoted.get().expect("there is no text");
        unquote(&quoted[1..quoted.len() - 1], self.len)
    }
}

impl Message {
    /// How many bytes a byte of text becomes at most when it is quoted, without the quotation
    /// marks.
    pub(crate) const MAX_GROWTH: usize = quote::MAX_GROWTH;

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        match self.shared.get() {
            Some(shared) => shared.text(),
            None => &self.own,
        }
    }

    /// Returns the text as a `String`. It is copied only if a clone of this message exists.
    pub fn into_string(self) -> String {
        match self.shared.into_inner().map(Arc::try_unwrap) {
            Some(Ok(mut shared)) => shared.text.take().unwrap_or_else(|| shared.decode()),
            Some(Err(shared)) => shared.text().to_owned(),
            None => self.own,
        }
    }

    /// Returns the length of the text in bytes.
    pub fn len(&self) -> usize {
        if self.own.is_empty() {
            self.shared.get().map_or(0, |shared| shared.len)
        } else {
            self.own.len()
        }
    }

    /// Returns how many bytes the message counts against
    /// [`send_buffer`](crate::SessionConfig::with_send_buffer), besides
    /// [`MESSAGE_OVERHEAD`](crate::SessionConfig::MESSAGE_OVERHEAD).
    ///
    /// It is the length of the text. A message that keeps the encoding in which it came counts that, too. The
    /// size never changes.
    pub fn size(&self) -> usize {
        if self.own.is_empty() {
            self.shared.get().map_or(0, |shared| shared.size)
        } else {
            self.own.len()
        }
    }

    /// Returns whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Creates a message of `len` bytes from a JSON string as [`quote`](crate::quote()) writes it.
    pub(crate) fn from_quoted(quoted: Box<[u8]>, len: usize) -> Self {
        let shared = Shared {
            len,
            size: len + quoted.len() + size_of::<Shared>(),
            text: OnceLock::new(),
            quoted: OnceLock::from(quoted),
        };
        Self {
            own: String::new(),
            shared: OnceLock::from(Arc::new(shared)),
        }
    }

    /// Serializes a value as JSON, and creates a message from it.
    ///
    /// # Errors
    ///
    /// Fails if the `Serialize` implementation of the value fails, or if the value has a map with a
    /// key that is not a string.
    ///
    /// # Example
    ///
    /// ```
    /// use sockjs_core::Message;
    ///
    /// let message = Message::from_json(&("x", 1))?;
    /// assert_eq!(message, r#"["x",1]"#);
    /// assert_eq!(message.json::<(String, u8)>()?, ("x".to_owned(), 1));
    /// # Ok::<(), sockjs_core::JsonError>(())
    /// ```
    pub fn from_json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        serde_json::to_string(value)
            .map(Self::from)
            .map_err(JsonError)
    }

    /// Parses the text as JSON.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON, or does not fit the type `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, JsonError> {
        serde_json::from_str(self).map_err(JsonError)
    }

    /// Appends the text to `out` as a JSON string.
    pub(crate) fn write_quoted(&self, out: &mut Vec<u8>) {
        match self.shared.get().and_then(Shared::encoding) {
            Some(quoted) => out.extend_from_slice(quoted),
            None => quote(self, out),
        }
    }

    /// Returns how many bytes [`write_quoted`](Self::write_quoted) appends.
    pub(crate) fn quoted_len(&self) -> usize {
        match self.shared.get().and_then(|shared| shared.quoted.get()) {
            Some(quoted) => quoted.len(),
            None => quoted_len(self),
        }
    }

    /// Estimates how many bytes [`write_quoted`](Self::write_quoted) appends.
    pub(crate) fn quoted_len_hint(&self) -> usize {
        match self.shared.get().and_then(|shared| shared.quoted.get()) {
            Some(quoted) => quoted.len(),
            None => quoted_len_hint(self),
        }
    }
}

impl Clone for Message {
    fn clone(&self) -> Self {
        let shared = self.shared.get_or_init(|| {
            Arc::new(Shared {
                len: self.own.len(),
                size: self.own.len(),
                text: OnceLock::from(self.own.clone()),
                quoted: OnceLock::new(),
            })
        });
        Self {
            own: String::new(),
            shared: OnceLock::from(shared.clone()),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self {
            own: text,
            shared: OnceLock::new(),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<Box<str>> for Message {
    fn from(text: Box<str>) -> Self {
        Self::from(text.into_string())
    }
}

impl From<Cow<'_, str>> for Message {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

impl From<Message> for String {
    fn from(message: Message) -> Self {
        message.into_string()
    }
}

impl Deref for Message {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Message {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Message {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl Eq for Message {}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<str> for Message {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Message {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Message {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // `Borrow<str>` requires the same hash as that of the text.
        self.as_str().hash(state);
    }
}

/// Why a value could not be serialized as a message, or a message could not be parsed as a value.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(serde_json::Error);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn quoted(message: &Message) -> String {
        let mut out = Vec::new();
        message.write_quoted(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn into_string_does_not_copy_without_clones() {
        let text = String::from("hello");
        let address = text.as_ptr();
        let text = Message::from(text).into_string();
        assert_eq!(text.as_ptr(), address);
    }

    #[test]
    fn into_string_leaves_clones_intact() {
        let message = Message::from("hello");
        let clone = message.clone();
        assert_eq!(message.into_string(), "hello");
        assert_eq!(clone, "hello");
    }

    #[test]
    fn clones_share_one_encoding() {
        let message = Message::from("\"hello\"\n");
        let clone = message.clone();
        assert_eq!(quoted(&message), r#""\"hello\"\n""#);
        let cached = clone.shared.get().and_then(|shared| shared.quoted.get());
        assert_eq!(
            cached.map(AsRef::as_ref),
            Some(br#""\"hello\"\n""#.as_slice())
        );

        drop(message);
        assert_eq!(quoted(&clone), r#""\"hello\"\n""#);
    }

    #[test]
    fn a_message_without_clones_keeps_no_encoding() {
        let message = Message::from("hello");
        assert_eq!(quoted(&message), r#""hello""#);
        assert!(message.shared.get().is_none());

        let clone = message.clone();
        drop(message);
        assert_eq!(quoted(&clone), r#""hello""#);
        assert!(clone.shared.get().unwrap().quoted.get().is_none());
    }

    /// A message that came as a JSON string.
    fn encoded() -> Message {
        let json = r#""{\"a\":\"\\n\"}\n""#;
        Message::from_quoted(json.as_bytes().into(), TEXT.len())
    }

    const TEXT: &str = "{\"a\":\"\\n\"}\n";

    #[test]
    fn a_message_that_is_sent_on_as_it_came_is_not_decoded() {
        let message = encoded();
        let clone = message.clone();
        for message in [message, clone] {
            assert_eq!(message.len(), TEXT.len());
            assert!(message.size() >= TEXT.len() + quoted_len(TEXT));
            assert_eq!(message.quoted_len(), quoted_len(TEXT));
            assert_eq!(message.quoted_len_hint(), quoted_len(TEXT));
            assert_eq!(quoted(&message), r#""{\"a\":\"\\n\"}\n""#);
            assert!(message.shared.get().unwrap().text.get().is_none());
        }
    }

    #[test]
    fn a_message_that_came_encoded_is_decoded_when_its_text_is_needed() {
        assert_eq!(encoded(), TEXT);
        assert_eq!(encoded().into_string(), TEXT);
        let message = encoded();
        let clone = message.clone();
        assert_eq!(clone.as_str().as_ptr(), message.as_str().as_ptr());
        assert_eq!(message.into_string(), TEXT);
        assert_eq!(clone.into_string(), TEXT);
    }

    #[test]
    fn it_compares_and_hashes_as_its_text() {
        let message = Message::from(Cow::Borrowed("hello"));
        assert_eq!(message, Message::from(Box::from("hello")));
        assert_eq!(message, *"hello");
        assert_eq!(message, String::from("hello"));
        assert_ne!(message, "hell");
        assert!(HashSet::from([message]).contains("hello"));
    }

    #[test]
    fn it_prints_as_its_text() {
        let message = Message::from("a\n");
        assert_eq!(format!("{message} {message:?}"), "a\n \"a\\n\"");
        assert_eq!(String::from(message), "a\n");
    }
}
