use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sockjs_axum::peers::{RelayHead, SessionKey};
use sockjs_core::Endpoint;

use crate::secret::{Code, Key, Tag};
use crate::store::{Entry, NodeId};

/// The head of a relayed request, as it is on the wire.
///
/// `POST /sockjs-cluster/1/MOUNT/ENDPOINT?QUERY`, the header `Content-Type` of the client, and the header
/// [`CALL`] with everything else and a MAC over all of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Call {
    pub(crate) mount: String,
    pub(crate) head: RelayHead,
    pub(crate) from: NodeId,
    /// The node that is meant. A node that has started at an old address is another one.
    pub(crate) to: NodeId,
    /// Milliseconds since 1970.
    pub(crate) sent_at: u64,
    pub(crate) number: u64,
}

/// A head that was read, and is not to be trusted yet.
pub(crate) struct Unverified {
    call: Call,
    tag: Tag,
    /// What the MAC covers.
    path: String,
    content_type: Vec<u8>,
    packed: Vec<u8>,
}

impl Call {
    /// Writes the head of a request to `owner`. Returns nothing if the client's part is too long.
    pub(crate) fn write(&self, owner: &Entry, key: &Key) -> Option<(Request<()>, Tag)> {
        let endpoint = name(self.head.endpoint)?;
        let mount = utf8_percent_encode(&self.mount, NON_ALPHANUMERIC);
        let mut path = format!("{ROOT}{VERSION}/{mount}/{endpoint}");
        if let Some(query) = &self.head.query {
            if query.len() > MAX_QUERY {
                return None;
            }
            path.push('?');
            path.push_str(query);
        }
        let content_type = self.head.content_type.as_ref();
        let type_bytes = content_type.map_or(&[][..], HeaderValue::as_bytes);
        if type_bytes.len() > MAX_CONTENT_TYPE {
            return None;
        }
        let mut packed = self.pack();
        let tag = code(key, &path, type_bytes, &packed).tag();
        packed.extend_from_slice(&tag);

        let uri = Uri::builder()
            .scheme("http")
            .authority(owner.addr.to_string())
            .path_and_query(path)
            .build()
            .ok()?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(CALL, secret_value(&packed));
        if let Some(content_type) = content_type {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, content_type.clone());
        }
        Some((request, tag))
    }

    /// Reads the head of a request.
    ///
    /// This is all that happens to a request before its MAC is checked.
    pub(crate) fn read(request: &Parts) -> Option<Unverified> {
        if request.method != Method::POST {
            return None;
        }
        let path = request.uri.path();
        let mut segments = path.strip_prefix(ROOT)?.split('/');
        let (version, mount, action) = (segments.next()?, segments.next()?, segments.next()?);
        if version != VERSION.to_string() || segments.next().is_some() {
            return None;
        }
        let mount = percent_decode_str(mount).decode_utf8().ok()?;
        if mount.len() > MAX_MOUNT {
            return None;
        }
        let endpoint = *ENDPOINTS.iter().find(|it| name(**it) == Some(action))?;
        let query = request.uri.query();
        let content_type = single(&request.headers, &CONTENT_TYPE)?;
        let type_bytes = content_type.map_or(&[][..], HeaderValue::as_bytes);
        if query.is_some_and(|it| it.len() > MAX_QUERY) || type_bytes.len() > MAX_CONTENT_TYPE {
            return None;
        }
        let mut packed = from_hex(single(&request.headers, &CALL)??.as_bytes())?;
        let tag = packed.split_off(packed.len().checked_sub(size_of::<Tag>())?);
        let mut call = Self::unpack(&packed, mount.into_owned(), endpoint)?;
        call.head.query = query.map(str::to_owned);
        call.head.content_type = content_type.cloned();
        Some(Unverified {
            call,
            tag: tag.try_into().ok()?,
            path: request.uri.path_and_query()?.as_str().to_owned(),
            content_type: type_bytes.to_vec(),
            packed,
        })
    }

    fn pack(&self) -> Vec<u8> {
        let head = &self.head;
        let mut packed = Vec::with_capacity(160);
        packed.extend_from_slice(&self.from.0);
        packed.extend_from_slice(&self.to.0);
        packed.extend_from_slice(&self.sent_at.to_be_bytes());
        packed.extend_from_slice(&self.number.to_be_bytes());
        packed.extend_from_slice(&head.session.0);
        match head.content_length {
            Some(length) => {
                packed.push(1);
                packed.extend_from_slice(&length.to_be_bytes());
            }
            None => packed.push(0),
        }
        match &head.bound_to {
            Some(digest) => {
                packed.push(1);
                packed.extend_from_slice(digest);
            }
            None => packed.push(0),
        }
        match head.remote_addr {
            Some(addr) => {
                match addr.ip() {
                    IpAddr::V4(ip) => {
                        packed.push(4);
                        packed.extend_from_slice(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        packed.push(6);
                        packed.extend_from_slice(&ip.octets());
                    }
                }
                packed.extend_from_slice(&addr.port().to_be_bytes());
            }
            None => packed.push(0),
        }
        packed
    }

    fn unpack(packed: &[u8], mount: String, endpoint: Endpoint) -> Option<Self> {
        let mut rest = Rest(packed);
        let from = NodeId(rest.array()?);
        let to = NodeId(rest.array()?);
        let sent_at = u64::from_be_bytes(rest.array()?);
        let number = u64::from_be_bytes(rest.array()?);
        let mut head = RelayHead::new(endpoint, SessionKey(rest.array()?));
        head.content_length = match rest.array()? {
            [0] => None,
            [1] => Some(u64::from_be_bytes(rest.array()?)),
            _ => return None,
        };
        head.bound_to = match rest.array()? {
            [0] => None,
            [1] => Some(rest.array()?),
            _ => return None,
        };
        let ip = match rest.array()? {
            [0] => None,
            [4] => Some(IpAddr::from(rest.array::<4>()?)),
            [6] => Some(IpAddr::from(rest.array::<16>()?)),
            _ => return None,
        };
        if let Some(ip) = ip {
            head.remote_addr = Some(SocketAddr::new(ip, u16::from_be_bytes(rest.array()?)));
        }
        rest.0.is_empty().then_some(Self {
            mount,
            head,
            from,
            to,
            sent_at,
            number,
        })
    }
}

impl Unverified {
    /// Returns the head and the key that signed it, if one of the keys did.
    pub(crate) fn verify(self, keys: &[Key]) -> Option<(Call, Tag, &Key)> {
        let key = keys.iter().find(|key| {
            code(key, &self.path, &self.content_type, &self.packed).verify(&self.tag)
        })?;
        Some((self.call, self.tag, key))
    }

    /// The head, for those that have no key.
    pub(crate) fn call(&self) -> &Call {
        &self.call
    }
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").finish_non_exhaustive()
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

fn code(key: &Key, path: &str, content_type: &[u8], packed: &[u8]) -> Code {
    key.mac("call")
        .field(path.as_bytes())
        .field(content_type)
        .field(packed)
}

/// Returns the value of a header that may occur once; nothing if it occurs more often.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    values.next().is_none().then_some(value)
}

fn name(endpoint: Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::Xhr => Some("xhr"),
        Endpoint::XhrStreaming => Some("xhr_streaming"),
        Endpoint::EventSource => Some("eventsource"),
        Endpoint::HtmlFile => Some("htmlfile"),
        Endpoint::Jsonp => Some("jsonp"),
        Endpoint::XhrSend => Some("xhr_send"),
        Endpoint::JsonpSend => Some("jsonp_send"),
        Endpoint::Greeting
        | Endpoint::Info
        | Endpoint::Iframe
        | Endpoint::RawWebSocket
        | Endpoint::WebSocket
        | Endpoint::Unknown => None,
    }
}

/// A header value that HPACK must not index, because it differs in each message and contains the key of a
/// session.
pub(super) fn secret_value(bytes: &[u8]) -> HeaderValue {
    let digit = |number: u8| b"0123456789abcdef"[usize::from(number)];
    let mut hex = vec![0; 2 * bytes.len()];
    for (digits, byte) in hex.as_chunks_mut().0.iter_mut().zip(bytes) {
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
    let mut value = HeaderValue::try_from(hex).expect("hexadecimal digits are allowed");
    value.set_sensitive(true);
    value
}

pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_HEX {
        return None;
    }
    let (pairs, rest) = text.as_chunks();
    if !rest.is_empty() {
        return None;
    }
    let mut is_hex = true;
    let bytes = pairs.iter().map(|&[high, low]| {
        let (high, low) = (NUMBERS[usize::from(high)], NUMBERS[usize::from(low)]);
        is_hex &= (high | low) < 16;
        high << 4 | low
    });
    let bytes = bytes.collect();
    is_hex.then_some(bytes)
}

/// The number of each hexadecimal digit. 255 stands for bytes that are none.
const NUMBERS: [u8; 256] = {
    let mut numbers = [u8::MAX; 256];
    let digits = b"0123456789abcdef";
    let mut number = 0;
    while number < digits.len() {
        numbers[digits[number] as usize] = number as u8;
        number += 1;
    }
    numbers
};

/// The version of what nodes say to each other.
pub(crate) const VERSION: u8 = 1;

const ROOT: &str = "/sockjs-cluster/";

const CALL: HeaderName = HeaderName::from_static("sockjs-call");

const ENDPOINTS: [Endpoint; 7] = [
    Endpoint::Xhr,
    Endpoint::XhrStreaming,
    Endpoint::EventSource,
    Endpoint::HtmlFile,
    Endpoint::Jsonp,
    Endpoint::XhrSend,
    Endpoint::JsonpSend,
];

/// How long the name of a mount may be.
pub(crate) const MAX_MOUNT: usize = 256;

/// How long the query of a client's URL may be. Only the name of a callback matters in it.
const MAX_QUERY: usize = 4096;

const MAX_CONTENT_TYPE: usize = 1024;

const MAX_HEX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secrets;

    fn secrets(secrets: &[&str]) -> Secrets {
        let secrets: Vec<_> = secrets.iter().map(|it| it.as_bytes().to_vec()).collect();
        Secrets::new("app", &secrets, &secrets[0])
    }

    fn call() -> Call {
        let mut head = RelayHead::new(Endpoint::JsonpSend, SessionKey([3; 16]));
        head.query = Some("c=a%20b".to_owned());
        head.content_type = Some(HeaderValue::from_static("text/plain"));
        head.content_length = Some(5);
        head.bound_to = Some([4; 16]);
        head.remote_addr = Some("[::1]:80".parse().unwrap());
        Call {
            mount: "a/b ä".to_owned(),
            head,
            from: NodeId([1; 16]),
            to: NodeId([2; 16]),
            sent_at: 6,
            number: 7,
        }
    }

    fn owner() -> Entry {
        Entry {
            version: VERSION,
            node: NodeId([2; 16]),
            addr: "127.0.0.1:80".parse().unwrap(),
        }
    }

    fn write(call: &Call, secrets: &Secrets) -> Parts {
        let (request, _) = call.write(&owner(), &secrets.relay()[0]).unwrap();
        request.into_parts().0
    }

    #[test]
    fn head_is_read_as_it_was_written() {
        let secrets = secrets(&["one"]);
        let mut without = call();
        without.head = RelayHead::new(Endpoint::Xhr, SessionKey([0; 16]));
        let mut v4 = call();
        v4.head.remote_addr = Some("10.0.0.1:80".parse().unwrap());
        for call in [call(), without, v4] {
            let read = Call::read(&write(&call, &secrets)).unwrap();
            let (read, _, _) = read.verify(secrets.relay()).unwrap();
            assert_eq!(read, call);
        }
    }

    #[test]
    fn another_secret_is_refused_and_an_accepted_one_is_not() {
        let old = secrets(&["one"]);
        let both = secrets(&["two", "one"]);
        let read = |secrets| Call::read(&write(&call(), secrets)).unwrap();
        assert!(read(&old).verify(both.relay()).is_some());
        assert!(read(&both).verify(both.relay()).is_some());
        assert!(read(&both).verify(old.relay()).is_none());
        let other = Secrets::new("other", &[b"one".to_vec()], b"one");
        assert!(read(&other).verify(old.relay()).is_none(), "namespace");
    }

    /// Every byte that the owner looks at is covered.
    #[test]
    fn any_change_of_the_head_is_noticed() {
        let secrets = secrets(&["one"]);
        let original = write(&call(), &secrets);
        let verifies = |parts: &Parts| {
            Call::read(parts).is_some_and(|it| it.verify(secrets.relay()).is_some())
        };
        assert!(verifies(&original));

        for uri in [
            "http://h/sockjs-cluster/1/a%2Fb%20%C3%A5/jsonp_send?c=a%20b",
            "http://h/sockjs-cluster/1/a%2Fb%20%C3%A4/jsonp?c=a%20b",
            "http://h/sockjs-cluster/1/a%2Fb%20%C3%A4/jsonp_send?c=a%20c",
            "http://h/sockjs-cluster/1/a%2Fb%20%C3%A4/jsonp_send",
            "http://h/sockjs-cluster/2/a%2Fb%20%C3%A4/jsonp_send?c=a%20b",
        ] {
            let mut changed = original.clone();
            changed.uri = uri.parse().unwrap();
            assert!(!verifies(&changed), "{uri}");
        }
        let mut changed = original.clone();
        changed.method = Method::PUT;
        assert!(!verifies(&changed));
        let mut changed = original.clone();
        changed.headers.remove(CONTENT_TYPE);
        assert!(!verifies(&changed));
        let mut changed = original.clone();
        let twice = changed.headers[CALL].clone();
        changed.headers.append(CALL, twice);
        assert!(!verifies(&changed));

        let packed = original.headers[CALL].as_bytes().to_vec();
        for i in 0..packed.len() {
            let mut packed = packed.clone();
            packed[i] = if packed[i] == b'0' { b'1' } else { b'0' };
            let mut changed = original.clone();
            changed
                .headers
                .insert(CALL, HeaderValue::from_bytes(&packed).unwrap());
            assert!(!verifies(&changed), "digit {i}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let secrets = secrets(&["one"]);
        let key = &secrets.relay()[0];
        let mut long = call();
        long.head.query = Some("a".repeat(MAX_QUERY + 1));
        assert!(long.write(&owner(), key).is_none());
        let mut long = call();
        let text = "a".repeat(MAX_CONTENT_TYPE + 1);
        long.head.content_type = Some(text.parse().unwrap());
        assert!(long.write(&owner(), key).is_none());
        let mut other = call();
        other.head.endpoint = Endpoint::WebSocket;
        assert!(other.write(&owner(), key).is_none());
    }

    #[test]
    fn the_secret_parts_are_not_in_the_debug_output() {
        let secrets = secrets(&["one"]);
        let (request, _) = call().write(&owner(), &secrets.relay()[0]).unwrap();
        let head = format!("{request:?}");
        let read = Call::read(&request.into_parts().0);
        let text = format!("{head} {read:?} {secrets:?}");
        assert!(!text.contains("0303"), "{text}");
        assert!(!text.contains("3, 3"), "{text}");
    }
}
