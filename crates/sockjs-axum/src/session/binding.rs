use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;

use http::request::Parts;
use siphasher::sip128::{Hash128, Hasher128, SipHasher13};
use uuid::Uuid;

use super::binding_key::{BindingKey, KeyWriter};

/// A function of a request that returns a key. Only the digest of the key is kept. It is the function of
/// [`bind_session`](crate::SockJsLayer::bind_session), or of
/// [`max_sessions_per_key`](crate::SockJsLayer::max_sessions_per_key).
///
/// A digest has a fixed size and holds nothing of the request. A key itself might hold a slice of the
/// connection's read buffer, and with it the whole buffer.
#[derive(Clone)]
pub(crate) struct Binding(Arc<DigestOfRequest>);

type DigestOfRequest = dyn Fn(&Parts, &DigestKey) -> Digest + Send + Sync;

impl Binding {
    /// Compares keys within this process.
    pub(crate) fn by_hash<K: Hash>(key: impl Fn(&Parts) -> K + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |parts, digest| digest.of(&key(parts))))
    }

    /// Compares keys with those that other nodes of a cluster compute.
    pub(crate) fn by_bytes<K: BindingKey>(
        key: impl Fn(&Parts) -> K + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |parts, digest| digest.of_key(&key(parts))))
    }

    pub(crate) fn of(&self, parts: &Parts, digest: &DigestKey) -> Digest {
        (self.0)(parts, digest)
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding")
    }
}

/// 128 bits that stand for a value. Zero is no first half, so that an `Option` takes no more.
///
/// Nobody outside the process can choose two values with the same digest, because the digest depends
/// on a secret. By chance, among a billion values, two have the same digest once in 10²⁰ times.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Digest(NonZeroU64, u64);

impl Digest {
    /// The digest of no value, for values that are not looked up.
    pub(crate) const NONE: Self = Self(NonZeroU64::MAX, 0);

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = u128::from_le_bytes(bytes);
        Self(nonzero(bits as u64), (bits >> 64) as u64)
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.0.get()) | u128::from(self.1) << 64).to_le_bytes()
    }

    /// Returns one of `shards` tables, evenly, and independently of the place in the table.
    pub(crate) fn shard(self, shards: usize) -> usize {
        self.1 as usize % shards
    }
}

/// A digest is distributed evenly already, so that a part of it will do. See [`Even`].
impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.get());
    }
}

/// Leaves the digest out, because a log could otherwise tell which sessions have the same key.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

/// The secret of a mount's digests.
#[derive(Clone, Debug)]
pub(crate) struct DigestKey(SipHasher13);

impl DigestKey {
    pub(crate) fn new() -> Self {
        Self::from_secret(Uuid::new_v4().as_bytes())
    }

    /// Makes the key of a mount whose digests other nodes compute, too.
    pub(crate) fn from_secret(secret: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(secret))
    }

    /// Computes the digest of a value. Equal values have the same digest, as [`Hash`] demands.
    pub(crate) fn of<T: Hash + ?Sized>(&self, value: &T) -> Digest {
        let mut hasher = self.0;
        value.hash(&mut hasher);
        digest(&hasher)
    }

    /// Computes the digest of a list of texts, which is the same on all nodes of a cluster.
    pub(crate) fn of_bytes(&self, texts: &[&[u8]]) -> Digest {
        let mut writer = KeyWriter(self.0);
        texts.iter().for_each(|text| writer.write(text));
        digest(&writer.0)
    }

    /// Computes the digest of a key, which is the same on all nodes of a cluster.
    pub(crate) fn of_key(&self, key: &(impl BindingKey + ?Sized)) -> Digest {
        let mut writer = KeyWriter(self.0);
        key.write_to(&mut writer);
        digest(&writer.0)
    }
}

fn digest(hasher: &SipHasher13) -> Digest {
    let Hash128 { h1, h2 } = hasher.finish128();
    Digest(nonzero(h1), h2)
}

fn nonzero(part: u64) -> NonZeroU64 {
    NonZeroU64::new(part).unwrap_or(NonZeroU64::MIN)
}

/// The hasher of tables whose keys are digests: it takes a part of the digest as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Even(u64);

impl Hasher for Even {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = part;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Limit: keys of sessions, of bind_session, and of max_sessions_per_key
    #[test]
    fn equal_values_have_equal_digests() {
        let key = DigestKey::new();
        assert_eq!(key.of("alice"), key.of(&"alice".to_owned()));
        assert_eq!(key.of(&Some(7)), key.of(&Some(7)));
        assert_ne!(key.of("alice"), key.of("Alice"));
        assert_ne!(key.of(&("a", "bc")), key.of(&("ab", "c")));
        assert_ne!(key.of(&None::<u8>), key.of(&Some(0_u8)));
    }

    #[test]
    fn each_mount_has_its_own_digests() {
        assert_ne!(DigestKey::new().of("alice"), DigestKey::new().of("alice"));
    }

    #[test]
    fn halves_of_a_digest_are_independent() {
        let key = DigestKey::new();
        let digests: Vec<Digest> = (0..10_000).map(|n| key.of(&n)).collect();
        let one: HashSet<u64> = digests.iter().map(|digest| digest.0.get()).collect();
        let two: HashSet<u64> = digests.iter().map(|digest| digest.1).collect();
        assert_eq!([one.len(), two.len()], [digests.len(); 2]);
        assert!(one.is_disjoint(&two));
        let mut shards = [0; 16];
        for digest in digests {
            shards[digest.shard(16)] += 1;
        }
        assert!(
            shards.iter().all(|n| (400..900).contains(n)),
            "{shards:?} are about 625 each"
        );
    }
}
