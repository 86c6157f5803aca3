//! What is derived from the secrets of a cluster.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secrets of a cluster, from which every key is derived.
///
/// Each key has a purpose in its name and the cluster's namespace in it, so that no node of another
/// cluster and no other kind of message is ever taken for one of this.
pub(crate) struct Secrets {
    /// The first one signs. All of them are accepted.
    relay: Vec<Key>,
    topics: Vec<Key>,
    digests: Key,
}

impl Secrets {
    /// Derives the keys. `accepted` must not be empty; its first secret signs.
    pub(crate) fn new(namespace: &str, accepted: &[Vec<u8>], key_secret: &[u8]) -> Self {
        let keys = |purpose: &str| {
            let keys = accepted.iter();
            keys.map(|it| Key::derive(it, purpose, namespace)).collect()
        };
        Self {
            relay: keys("sockjs relay 1"),
            topics: keys("sockjs topic 1"),
            digests: Key::derive(key_secret, "sockjs digest 1", namespace),
        }
    }

    /// The keys for what nodes say to each other.
    pub(crate) fn relay(&self) -> &[Key] {
        &self.relay
    }

    /// The keys for what nodes say through the broker.
    pub(crate) fn topics(&self) -> &[Key] {
        &self.topics
    }

    /// The secret of the digests of a mount, from which the keys of its sessions come.
    pub(crate) fn digest_secret(&self, mount: &str) -> [u8; 16] {
        let mac = self.digests.mac("session");
        mac.field(mount.as_bytes()).tag()
    }

    /// The name of a channel of the broker. Topics have names of any bytes and any length.
    pub(crate) fn channel(&self, mount: &str, topic: Option<&str>) -> Channel {
        let mac = self.digests.mac("channel").field(mount.as_bytes());
        match topic {
            Some(topic) => mac.field(b"topic").field(topic.as_bytes()).tag(),
            None => mac.field(b"all").tag(),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// The name of a channel of the broker.
pub(crate) type Channel = [u8; 16];

/// A message authentication code: half of HMAC-SHA256.
pub(crate) type Tag = [u8; 16];

/// A key of HMAC-SHA256.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    fn derive(secret: &[u8], purpose: &str, namespace: &str) -> Self {
        let mac = Self::new(secret).mac(purpose).field(namespace.as_bytes());
        Self::new(&mac.0.finalize().into_bytes())
    }

    fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// Begins a code. `label` keeps codes of different kinds apart.
    pub(crate) fn mac(&self, label: &str) -> Code {
        Code(self.0.clone()).field(label.as_bytes())
    }
}

/// A code in the making.
pub(crate) struct Code(Hmac<Sha256>);

impl Code {
    /// Adds a field. Its length is part of the code, so that bytes cannot move from one field to the next.
    pub(crate) fn field(mut self, field: &[u8]) -> Self {
        self.0.update(&(field.len() as u64).to_le_bytes());
        self.0.update(field);
        self
    }

    pub(crate) fn tag(self) -> Tag {
        let code = self.0.finalize().into_bytes();
        let mut tag = Tag::default();
        tag.copy_from_slice(&code[..size_of::<Tag>()]);
        tag
    }

    /// Compares in a time that does not depend on the codes.
    pub(crate) fn verify(self, tag: &Tag) -> bool {
        self.0.verify_truncated_left(tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(namespace: &str, secret: &[u8]) -> Secrets {
        Secrets::new(namespace, &[secret.to_vec()], secret)
    }

    #[test]
    fn digests_differ_by_namespace_mount_and_secret() {
        let digest = |namespace, secret, mount| secrets(namespace, secret).digest_secret(mount);
        let all = [
            digest("a", b"0123456789abcdef", "chat"),
            digest("b", b"0123456789abcdef", "chat"),
            digest("a", b"0123456789abcdeF", "chat"),
            digest("a", b"0123456789abcdef", "chats"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != one));
        }
        assert_eq!(all[0], digest("a", b"0123456789abcdef", "chat"));
    }

    #[test]
    fn topic_of_any_name_is_not_the_broadcast() {
        let secrets = secrets("a", b"0123456789abcdef");
        let all = secrets.channel("chat", None);
        for name in ["", "all", "topic", "a\0b"] {
            assert_ne!(secrets.channel("chat", Some(name)), all);
        }
        assert_ne!(
            secrets.channel("ab", Some("c")),
            secrets.channel("a", Some("bc"))
        );
    }

    #[test]
    fn tag_is_of_its_fields_and_its_key() {
        let key = Key::new(b"key");
        let tag = key.mac("a").field(b"b").tag();
        assert!(key.mac("a").field(b"b").verify(&tag));
        assert!(!key.mac("a").field(b"c").verify(&tag));
        assert!(!key.mac("").field(b"ab").verify(&tag));
        assert!(!Key::new(b"kez").mac("a").field(b"b").verify(&tag));
    }
}
