use std::net::{IpAddr, SocketAddr};

use crate::store::directory::{Entry, NodeId};

/// Writes an entry: the version, the node, the IP address of 4 or 16 bytes, and the port.
pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let mut value = Vec::with_capacity(LONGEST);
    value.push(entry.version);
    value.extend_from_slice(&entry.node.0);
    match entry.addr.ip() {
        IpAddr::V4(ip) => value.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => value.extend_from_slice(&ip.octets()),
    }
    value.extend_from_slice(&entry.addr.port().to_be_bytes());
    value
}

/// Reads an entry. Returns `None` if it is none.
pub(super) fn decode(value: &[u8]) -> Option<Entry> {
    let (&version, rest) = value.split_first()?;
    let (&node, rest) = rest.split_first_chunk()?;
    let (ip, &port) = rest.split_last_chunk()?;
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        _ => return None,
    };
    Some(Entry {
        version,
        node: NodeId(node),
        addr: SocketAddr::new(ip, u16::from_be_bytes(port)),
    })
}

const LONGEST: usize = 1 + 16 + 16 + 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_read_as_it_was_written() {
        for addr in ["192.0.2.7:4000", "[2001:db8::7]:65535"] {
            let entry = Entry {
                version: 3,
                node: NodeId(*b"0123456789abcdef"),
                addr: addr.parse().unwrap(),
            };
            let value = encode(&entry);
            assert_eq!(decode(&value), Some(entry));
            assert_eq!(decode(&value[1..]), None);
            assert_eq!(decode(&[&value[..], b"?"].concat()), None);
        }
        assert_eq!(decode(b""), None);
    }
}
