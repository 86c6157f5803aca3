//! WebSocket frames of RFC 6455, as much as a client needs that sends only whole messages.
//!
//! Of the masking key the RFC wants that it cannot be foreseen, so that no page can choose what a
//! proxy reads. There is neither here. With a key of zero there is nothing to mask for the generator,
//! and all the same to unmask for the server.

use std::str;

use bytes::BufMut;

use super::ClientError;

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Frame<'a> {
    Text(&'a str),
    Ping(&'a [u8]),
    Pong,
    Close { code: u16, reason: &'a str },
}

pub(super) const TEXT: u8 = 0x1;
pub(super) const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// Appends a frame to `output`.
pub(super) fn encode(opcode: u8, payload: &[u8], output: &mut impl BufMut) {
    output.put_u8(FINAL | opcode);
    let length = payload.len();
    if length < 126 {
        output.put_u8(MASKED | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        output.put_u8(MASKED | 126);
        output.put_u16(length);
    } else {
        output.put_u8(MASKED | 127);
        output.put_u64(length as u64);
    }
    output.put_u32(0);
    output.put_slice(payload);
}

/// Reads the first frame of `input`, if all of it is there, and says how many bytes it has.
pub(super) fn decode(input: &[u8]) -> Result<Option<(Frame<'_>, usize)>, ClientError> {
    let &[first, second, ref rest @ ..] = input else {
        return Ok(None);
    };
    if first & !0xf != FINAL || second & MASKED != 0 {
        return Err(ClientError::malformed(input));
    }
    let (length, rest) = match second {
        126 => match rest.split_first_chunk() {
            Some((length, rest)) => (u16::from_be_bytes(*length).into(), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length) as usize, rest),
            None => return Ok(None),
        },
        length => (length.into(), rest),
    };
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let malformed = || ClientError::malformed(input);
    let frame = match first & 0xf {
        TEXT => Frame::Text(str::from_utf8(payload).map_err(|_| malformed())?),
        PING => Frame::Ping(payload),
        PONG => Frame::Pong,
        CLOSE => match payload.split_first_chunk() {
            Some((code, reason)) => Frame::Close {
                code: u16::from_be_bytes(*code),
                reason: str::from_utf8(reason).map_err(|_| malformed())?,
            },
            // As the RFC calls it.
            None => Frame::Close {
                code: 1005,
                reason: "no status received",
            },
        },
        _ => return Err(malformed()),
    };
    Ok(Some((frame, input.len() - rest.len() + length)))
}

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server would send: the same frame without the mask.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut masked = Vec::new();
        encode(opcode, payload, &mut masked);
        let key = masked.len() - payload.len() - 4;
        masked.drain(key..key + 4);
        masked[1] &= !MASKED;
        masked
    }

    #[test]
    fn frames_of_every_length_are_read() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let text = "x".repeat(length);
            let mut input = frame(TEXT, text.as_bytes());
            let expected = input.len();
            input.extend(b"next");
            assert_eq!(
                decode(&input).unwrap(),
                Some((Frame::Text(&text), expected))
            );
        }
    }

    #[test]
    fn half_a_frame_is_waited_for() {
        let whole = frame(TEXT, &[b'x'; 300]);
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn close_has_code_and_reason() {
        let input = frame(CLOSE, b"\x0b\xb8Go away!");
        let close = Frame::Close {
            code: 3000,
            reason: "Go away!",
        };
        assert_eq!(decode(&input).unwrap(), Some((close, input.len())));
        assert!(matches!(
            decode(&frame(CLOSE, b"")).unwrap(),
            Some((Frame::Close { code: 1005, .. }, 2))
        ));
    }

    #[test]
    fn what_no_server_should_send_is_malformed() {
        let mut masked = Vec::new();
        encode(TEXT, b"x", &mut masked);
        assert!(decode(&masked).is_err());
        assert!(decode(&[TEXT, 1, b'x']).is_err(), "a fragment");
        assert!(decode(&frame(TEXT, b"\xff")).is_err());
        assert!(decode(&frame(2, b"x")).is_err(), "binary");
    }
}
