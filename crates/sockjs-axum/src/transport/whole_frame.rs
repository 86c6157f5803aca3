//! The frames that nearly all clients send: a whole message in one frame, of no great length, and the answer to
//! a ping. They are read here, and the others by tungstenite, which takes five times as many instructions.

/// The header of such a frame: RFC 6455 §5.2.
pub(super) struct Header {
    pub(super) kind: Kind,
    /// How many bytes the header has.
    pub(super) len: usize,
    /// How many bytes the payload has.
    pub(super) payload: usize,
    pub(super) mask: [u8; 4],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Message,
    Pong,
}

/// What bytes begin with.
pub(super) enum Beginning {
    Header(Header),
    /// A part of a header, or nothing.
    Part,
    /// Anything else.
    Other,
}

impl Beginning {
    /// Looks for a header at the start of the bytes.
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let Some((&first, rest)) = bytes.split_first() else {
            return Self::Part;
        };
        let kind = match first {
            TEXT | BINARY => Kind::Message,
            PONG => Kind::Pong,
            _ => return Self::Other,
        };
        let Some((&second, rest)) = rest.split_first() else {
            return Self::Part;
        };
        // Without the bit for a mask, the number is too high.
        match (second ^ MASKED, rest) {
            // A control frame must be short.
            (LEN_IN_TWO_BYTES, _) if kind == Kind::Pong => Self::Other,
            (payload @ 0..LEN_IN_TWO_BYTES, &[a, b, c, d, ..]) => Self::Header(Header {
                kind,
                len: 6,
                payload: payload.into(),
                mask: [a, b, c, d],
            }),
            (LEN_IN_TWO_BYTES, &[high, low, a, b, c, d, ..]) => Self::Header(Header {
                kind,
                len: 8,
                payload: u16::from_be_bytes([high, low]).into(),
                mask: [a, b, c, d],
            }),
            (0..=LEN_IN_TWO_BYTES, _) => Self::Part,
            _ => Self::Other,
        }
    }
}

/// Removes the mask: RFC 6455 §5.3.
#[inline]
pub(super) fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mask_of_block = u32::from_ne_bytes(mask);
    let mut blocks = payload.chunks_exact_mut(mask.len());
    for block in &mut blocks {
        let bytes: &mut [u8; 4] = block.try_into().expect("a block is as long as the mask");
        *bytes = (u32::from_ne_bytes(*bytes) ^ mask_of_block).to_ne_bytes();
    }
    let rest = blocks.into_remainder();
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// The first bytes of these frames: the only one of a message, and no extension.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PONG: u8 = 0x8a;

/// The bit of the second byte that says that the payload has a mask.
const MASKED: u8 = 0x80;

/// The length that says that the length is in the next two bytes.
const LEN_IN_TWO_BYTES: u8 = 126;

/// Returns a frame as a client sends it.
#[cfg(test)]
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(MASKED | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(MASKED | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(MASKED | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tungstenite::protocol::frame::FrameHeader;
    use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

    use super::*;

    #[test]
    fn a_header_is_what_tungstenite_takes_it_for() {
        let mut whole = 0;
        for (first, second) in (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| (a, b))) {
            let bytes = [first, second, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
            let mut cursor = Cursor::new(&bytes);
            let parsed = FrameHeader::parse(&mut cursor);
            match Beginning::of(&bytes) {
                Beginning::Header(header) => {
                    let (theirs, payload) = parsed.unwrap().expect("the header is whole");
                    assert!(theirs.is_final && !(theirs.rsv1 || theirs.rsv2 || theirs.rsv3));
                    let is_message =
                        matches!(theirs.opcode, OpCode::Data(Data::Text | Data::Binary));
                    let is_pong = theirs.opcode == OpCode::Control(Control::Pong);
                    assert!(is_message || is_pong, "{:?}", theirs.opcode);
                    assert_eq!(header.kind == Kind::Pong, is_pong);
                    assert_eq!(theirs.mask, Some(header.mask));
                    assert_eq!(payload, header.payload as u64);
                    assert_eq!(cursor.position(), header.len as u64);
                    whole += 1;
                    for len in 0..header.len {
                        assert!(matches!(Beginning::of(&bytes[..len]), Beginning::Part));
                    }
                }
                Beginning::Part => panic!("{first:x} {second:x}"),
                Beginning::Other => {
                    let is_known = match first {
                        TEXT | BINARY => (0x80..0xff).contains(&second),
                        PONG => (0x80..0xfe).contains(&second),
                        _ => false,
                    };
                    assert!(!is_known, "{first:x} {second:x}");
                }
            }
        }
        assert_eq!(whole, 2 * 127 + 126);
    }

    #[test]
    fn a_mask_covers_every_byte() {
        for len in 0..20 {
            let text: Vec<u8> = (0..len).collect();
            let mut bytes = text.clone();
            unmask(&mut bytes, [1, 20, 30, 200]);
            for (i, (&byte, &mask)) in text.iter().zip([1, 20, 30, 200].iter().cycle()).enumerate()
            {
                assert_eq!(bytes[i], byte ^ mask);
            }
        }
    }
}
