//! The reference for payloads that the targets share: `serde_json`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, Visitor};
use sockjs_core::PayloadError;

/// Parses the body of a send request as `sockjs_core::Payload::parse` should.
pub fn array(text: &str) -> Result<Vec<String>, PayloadError> {
    let is_array = text.trim_ascii_start().starts_with('[');
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match serde_json::from_str::<Vec<Text>>(text) {
        Ok(array) if is_json => Ok(array.into_iter().map(|it| it.0).collect()),
        _ if text.is_empty() || (is_json && !is_array) => Err(PayloadError::Expected),
        _ => Err(PayloadError::Broken),
    }
}

/// Parses one JSON string.
pub fn single(text: &str) -> Option<String> {
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let text = serde_json::from_str::<Text>(text).ok()?;
    is_json.then_some(text.0)
}

/// A JSON string as `serde_json` reads it into bytes. It allows half a surrogate pair there, and
/// control characters, which callers must rule out.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
        let mut bytes = bytes.to_vec();
        // In UTF-8, 0xed is followed by less than 0xa0. Half a surrogate pair has more there.
        for at in 1..bytes.len() {
            if bytes[at - 1] == 0xed && bytes[at] >= 0xa0 {
                bytes[at - 1..at + 2].copy_from_slice("\u{fffd}".as_bytes());
            }
        }
        String::from_utf8(bytes).map(Text).map_err(E::custom)
    }
}
