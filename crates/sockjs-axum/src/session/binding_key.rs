use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Uri};
use siphasher::sip128::SipHasher13;
use uuid::Uuid;

/// A key of [`bind_session`](crate::SockJsLayer::bind_session): a value that is written as the same bytes on
/// all nodes of a cluster, whatever machine and compiler they were built for.
///
/// `std::hash::Hash` does not promise that. Texts, bytes, numbers, addresses, UUIDs, header values, and
/// tuples, arrays and options of them are keys.
///
/// # Example: a type of your own
///
/// ```
/// use sockjs_axum::{BindingKey, KeyWriter};
/// # use sockjs_axum::SockJsLayer;
///
/// #[derive(Clone)]
/// struct User {
///     id: u64,
///     name: String,
/// }
///
/// impl BindingKey for User {
///     fn write_to(&self, key: &mut KeyWriter) {
///         // A user who changes the name keeps the sessions.
///         self.id.write_to(key);
///     }
/// }
///
/// let layer = SockJsLayer::echo("/echo")
///     .bind_session(|parts| parts.extensions.get::<User>().cloned());
/// ```
pub trait BindingKey {
    /// Writes the bytes that make the key what it is. Two keys are the same if they make the same calls of
    /// [`KeyWriter::write`].
    fn write_to(&self, key: &mut KeyWriter);
}

/// Takes the bytes of a [`BindingKey`].
#[derive(Debug)]
pub struct KeyWriter(pub(super) SipHasher13);

impl KeyWriter {
    /// Takes a part of the key. Where a part ends makes a difference: `"a"`, `"bc"` is another key than
    /// `"ab"`, `"c"`.
    pub fn write(&mut self, part: &[u8]) {
        self.0.write(part);
        // No two lists of parts make the same bytes.
        self.0.write(&(part.len() as u64).to_le_bytes());
    }
}

macro_rules! impl_bytes {
    ($($(#[$doc:meta])* $type:ty: $self:ident => $bytes:expr;)+) => {$(
        impl BindingKey for $type {
            fn write_to(&$self, key: &mut KeyWriter) {
                key.write($bytes);
            }
        }
    )+};
}

impl_bytes! {
    str: self => self.as_bytes();
    String: self => self.as_bytes();
    [u8]: self => self;
    Vec<u8>: self => self;
    Bytes: self => self;
    HeaderValue: self => self.as_bytes();
    Uuid: self => self.as_bytes();
    Ipv4Addr: self => &self.octets();
    Ipv6Addr: self => &self.octets();
    bool: self => &[u8::from(*self)];
    char: self => &u32::from(*self).to_le_bytes();
    // A machine may have shorter ones.
    usize: self => &(*self as u64).to_le_bytes();
    isize: self => &(*self as i64).to_le_bytes();
    Uri: self => self.to_string().as_bytes();
}

macro_rules! impl_numbers {
    ($($type:ty),+) => {
        impl_bytes! {$( $type: self => &self.to_le_bytes(); )+}
    };
}

impl_numbers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

impl BindingKey for () {
    fn write_to(&self, _: &mut KeyWriter) {}
}

impl BindingKey for IpAddr {
    fn write_to(&self, key: &mut KeyWriter) {
        match self {
            Self::V4(addr) => addr.write_to(key),
            Self::V6(addr) => addr.write_to(key),
        }
    }
}

impl BindingKey for SocketAddr {
    fn write_to(&self, key: &mut KeyWriter) {
        (self.ip(), self.port()).write_to(key);
    }
}

impl<K: BindingKey> BindingKey for Option<K> {
    fn write_to(&self, key: &mut KeyWriter) {
        self.is_some().write_to(key);
        if let Some(some) = self {
            some.write_to(key);
        }
    }
}

impl<K: BindingKey, const N: usize> BindingKey for [K; N] {
    fn write_to(&self, key: &mut KeyWriter) {
        self.iter().for_each(|item| item.write_to(key));
    }
}

macro_rules! impl_pointers {
    ($($type:ty),+) => {$(
        impl<K: BindingKey + ?Sized> BindingKey for $type {
            fn write_to(&self, key: &mut KeyWriter) {
                (**self).write_to(key);
            }
        }
    )+};
}

impl_pointers!(&K, Box<K>, Rc<K>, Arc<K>);

macro_rules! impl_tuples {
    ($(($($name:ident)+))+) => {$(
        impl<$($name: BindingKey),+> BindingKey for ($($name,)+) {
            #[expect(non_snake_case, reason = "the items are called as their types")]
            fn write_to(&self, key: &mut KeyWriter) {
                let ($($name,)+) = self;
                $($name.write_to(key);)+
            }
        }
    )+};
}

impl_tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Digest, DigestKey};

    fn digest(key: &(impl BindingKey + ?Sized)) -> Digest {
        DigestKey::from_secret(&[7; 16]).of_key(key)
    }

    #[test]
    fn equal_keys_have_equal_digests_however_they_are_kept() {
        let value = HeaderValue::from_static("alice");
        for alice in [
            digest("alice"),
            digest(&"alice".to_owned()),
            digest(&Arc::<str>::from("alice")),
            digest(b"alice".as_slice()),
            digest(&Bytes::from_static(b"alice")),
            digest(&value),
        ] {
            assert_eq!(alice, digest("alice"));
        }
        assert_eq!(digest(&7_usize), digest(&7_u64));
        let ip = Ipv4Addr::LOCALHOST;
        assert_eq!(digest(&IpAddr::V4(ip)), digest(&ip));
    }

    #[test]
    fn different_keys_have_different_digests() {
        assert_ne!(digest(&("a", "bc")), digest(&("ab", "c")));
        assert_ne!(
            digest(&(Some("a"), None::<&str>)),
            digest(&(None::<&str>, Some("a")))
        );
        assert_ne!(digest(&None::<&str>), digest(&Some("")));
        assert_ne!(digest(&None::<()>), digest(&Some(())));
        assert_ne!(digest(&["a", ""]), digest(&["", "a"]));
        assert_ne!(digest(&1_u8), digest(&1_u16));
        assert_ne!(
            digest(&SocketAddr::from(([127, 0, 0, 1], 1))),
            digest(&SocketAddr::from(([127, 0, 0, 1], 2)))
        );
    }

    /// Nodes that were built for another machine, or by another compiler, have this digest, too. A change
    /// of it separates the nodes of two versions.
    #[test]
    fn digests_are_the_same_on_all_nodes() {
        let key = (
            Some(HeaderValue::from_static("alice")),
            7_u32,
            Uuid::from_u128(1),
        );
        let expected = [
            14, 182, 218, 106, 221, 168, 67, 65, 171, 13, 202, 31, 220, 38, 237, 205,
        ];
        assert_eq!(digest(&key).to_bytes(), expected);
    }
}
