//! SockJS frames, whatever transport they came with.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};

use super::{ClientError, Take};

/// Takes what a frame brings: hands its messages to `take`, or fails if it is a close frame.
///
/// # Errors
///
/// [`ClientError::Closed`] for a close frame, and whatever `take` fails with.
pub(super) fn read(frame: &str, take: &mut Take<'_>) -> Result<(), ClientError> {
    let (kind, rest) = frame.split_at_checked(1).unwrap_or_default();
    match kind {
        "o" if rest.is_empty() => Ok(()),
        // The prelude of xhr_streaming is heartbeats too: 2,048 of them.
        "h" if rest.bytes().all(|byte| byte == b'h') => Ok(()),
        "a" => read_strings(rest, take),
        "c" => Err(ClientError::Closed(frame.to_owned())),
        _ => Err(ClientError::malformed(frame)),
    }
}

/// Hands the elements of a JSON array of strings to `take`, without making a list of them.
fn read_strings(json: &str, take: &mut Take<'_>) -> Result<(), ClientError> {
    let mut strings = Strings { take, error: None };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = deserializer
        .deserialize_seq(&mut strings)
        .and_then(|()| deserializer.end());
    match (strings.error, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) => Err(ClientError::malformed(json)),
    }
}

struct Strings<'a, 't> {
    take: &'a mut Take<'t>,
    /// What `take` failed with, which is no error of JSON.
    error: Option<ClientError>,
}

impl<'de> Visitor<'de> for &mut Strings<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        (self.take)(text).map_err(|error| {
            self.error = Some(error);
            E::custom("refused")
        })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Strings<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(frame: &str) -> Result<Vec<String>, ClientError> {
        let mut messages = Vec::new();
        read(frame, &mut |message| {
            messages.push(message.to_owned());
            Ok(())
        })?;
        Ok(messages)
    }

    #[test]
    fn messages_are_decoded() {
        assert_eq!(
            messages(r#"a["plain","\"quoted\"","\u200f",""]"#).unwrap(),
            ["plain", "\"quoted\"", "\u{200f}", ""]
        );
        assert!(messages("a[]").unwrap().is_empty());
    }

    #[test]
    fn open_and_heartbeats_bring_nothing() {
        for frame in ["o", "h", "hhhh"] {
            assert!(messages(frame).unwrap().is_empty());
        }
    }

    #[test]
    fn close_is_an_error() {
        let error = messages(r#"c[3000,"Go away!"]"#).unwrap_err();
        assert!(matches!(error, ClientError::Closed(_)));
    }

    #[test]
    fn everything_else_is_malformed() {
        for frame in [
            "",
            "x",
            "ok",
            "hx",
            "a",
            "a[1]",
            "a[\"x\"",
            "a[\"x\"]]",
            "é",
        ] {
            let error = messages(frame).unwrap_err();
            assert!(matches!(error, ClientError::Malformed(_)), "{frame}");
        }
    }

    #[test]
    fn what_take_fails_with_is_passed_on() {
        let refused = read("a[\"x\"]", &mut |_| Err(ClientError::Disconnected));
        assert!(matches!(refused, Err(ClientError::Disconnected)));
    }
}
