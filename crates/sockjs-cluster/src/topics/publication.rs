use bytes::Bytes;
use sockjs_axum::peers::Publication;
use sockjs_axum::{Message, SlowPolicy};
use std::sync::Arc;
use uuid::Uuid;

use crate::secret::{Channel, Code, Key, Tag};
use crate::store::NodeId;

/// A message between nodes, as it goes through the broker.
///
/// The version, a MAC, the sender, its number and time, the policy, the session that does not get the
/// message, and the text. The channel, which the MAC covers, says for which topic the message is.
pub(super) struct Envelope {
    pub(super) from: NodeId,
    pub(super) number: u64,
    /// Milliseconds since 1970.
    pub(super) sent_at: u64,
    pub(super) except: Option<Uuid>,
    pub(super) slow: SlowPolicy,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unreadable {
    /// It is no message of this version.
    Malformed,
    /// No node of the cluster has signed it.
    Unsigned,
}

impl Unreadable {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsigned => "unsigned",
        }
    }
}

impl Envelope {
    pub(super) fn seal(&self, channel: &Channel, text: &str, key: &Key) -> Bytes {
        let mut sealed = Vec::with_capacity(MAX_HEAD + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&Tag::default());
        sealed.extend_from_slice(&self.from.0);
        sealed.extend_from_slice(&self.number.to_be_bytes());
        sealed.extend_from_slice(&self.sent_at.to_be_bytes());
        sealed.push(match self.slow {
            SlowPolicy::Skip => SKIP,
            // No node waits for the clients of another.
            _ => CLOSE,
        });
        match &self.except {
            Some(id) => {
                sealed.push(1);
                sealed.extend_from_slice(id.as_bytes());
            }
            None => sealed.push(0),
        }
        sealed.extend_from_slice(text.as_bytes());
        let tag = code(key, channel, &sealed[TAG_END..]).tag();
        sealed[1..TAG_END].copy_from_slice(&tag);
        sealed.into()
    }

    pub(super) fn open<'a>(
        channel: &Channel,
        sealed: &'a [u8],
        keys: &[Key],
    ) -> Result<(Self, &'a str), Unreadable> {
        if sealed.len() > MAX_HEAD + MAX_TEXT {
            return Err(Unreadable::Malformed);
        }
        let (version, rest) = take::<1>(sealed)?;
        if version != [VERSION] {
            return Err(Unreadable::Malformed);
        }
        let (tag, rest) = take(rest)?;
        if !keys.iter().any(|key| code(key, channel, rest).verify(&tag)) {
            return Err(Unreadable::Unsigned);
        }
        let (from, rest) = take(rest)?;
        let (number, rest) = take(rest)?;
        let (sent_at, rest) = take(rest)?;
        let (slow, rest) = take(rest)?;
        let slow = match slow {
            [SKIP] => SlowPolicy::Skip,
            [CLOSE] => SlowPolicy::Close,
            _ => return Err(Unreadable::Malformed),
        };
        let (except, text) = match take(rest)? {
            ([0], rest) => (None, rest),
            ([1], rest) => {
                let (id, rest) = take(rest)?;
                (Some(Uuid::from_bytes(id)), rest)
            }
            _ => return Err(Unreadable::Malformed),
        };
        let text = str::from_utf8(text).map_err(|_| Unreadable::Malformed)?;
        let envelope = Self {
            from: NodeId(from),
            number: u64::from_be_bytes(number),
            sent_at: u64::from_be_bytes(sent_at),
            except,
            slow,
        };
        Ok((envelope, text))
    }

    pub(super) fn publication(self, topic: Option<Arc<str>>, text: &str) -> Publication {
        Publication::new(topic, self.except, self.slow, Message::from(text))
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Unreadable> {
    let (array, rest) = bytes.split_first_chunk().ok_or(Unreadable::Malformed)?;
    Ok((*array, rest))
}

fn code(key: &Key, channel: &Channel, rest: &[u8]) -> Code {
    key.mac("message").field(channel).field(rest)
}

const VERSION: u8 = 1;

const TAG_END: usize = 1 + size_of::<Tag>();

const SKIP: u8 = 1;
const CLOSE: u8 = 2;

const MAX_HEAD: usize = TAG_END + 16 + 8 + 8 + 1 + 1 + 16;

/// How long a message may be.
pub(super) const MAX_TEXT: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secrets;

    fn envelope() -> Envelope {
        Envelope {
            from: NodeId([1; 16]),
            number: 2,
            sent_at: 3,
            except: Some(Uuid::from_bytes([4; 16])),
            slow: SlowPolicy::Skip,
        }
    }

    fn secrets() -> Secrets {
        Secrets::new("app", &[b"one".to_vec(), b"two".to_vec()], b"one")
    }

    #[test]
    fn message_arrives_as_it_was_sent() {
        let secrets = secrets();
        let without = Envelope {
            except: None,
            slow: SlowPolicy::Close,
            ..envelope()
        };
        for (sent, text) in [(envelope(), "h\u{e4}llo"), (without, "")] {
            let sealed = sent.seal(&[9; 16], text, &secrets.topics()[1]);
            let opened = Envelope::open(&[9; 16], &sealed, secrets.topics());
            let (opened, arrived) = opened.ok().unwrap();
            assert_eq!(arrived, text);
            assert_eq!(opened.except, sent.except);
            assert_eq!(opened.slow, sent.slow);
            assert_eq!((opened.from, opened.number), (sent.from, sent.number));
            assert_eq!(opened.sent_at, sent.sent_at);
        }
    }

    #[test]
    fn nobody_waits_for_the_clients_of_another_node() {
        let wait = Envelope {
            slow: SlowPolicy::Wait,
            ..envelope()
        };
        let secrets = secrets();
        let sealed = wait.seal(&[9; 16], "", &secrets.topics()[0]);
        let (opened, _) = Envelope::open(&[9; 16], &sealed, secrets.topics())
            .ok()
            .unwrap();
        assert_eq!(opened.slow, SlowPolicy::Close);
    }

    #[test]
    fn any_change_is_noticed() {
        let secrets = secrets();
        let open = |channel, sealed: &[u8]| {
            Envelope::open(channel, sealed, secrets.topics())
                .map(|_| ())
                .err()
        };
        let sealed = envelope().seal(&[9; 16], "hello", &secrets.topics()[0]);
        assert_eq!(open(&[9; 16], &sealed), None);
        assert_eq!(open(&[8; 16], &sealed), Some(Unreadable::Unsigned));
        for i in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[i] ^= 1;
            assert!(open(&[9; 16], &changed).is_some(), "byte {i}");
            assert!(open(&[9; 16], &sealed[..i]).is_some(), "length {i}");
        }
    }
}
