//! The WebSocket frames in which both WebSocket transports send: RFC 6455 §5.2, not masked.

use std::io::Write;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Appends a text frame whose text `write` appends. The text should be about `expected` bytes long.
pub(super) fn write_text(out: &mut Vec<u8>, expected: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write_header(out, OpCode::Data(Data::Text), expected);
    let text = out.len();
    write(out);
    let mut header = [0; MAX_HEADER];
    let mut rest = &mut header[..];
    write_header(&mut rest, OpCode::Data(Data::Text), out.len() - text);
    let unused = rest.len();
    let header = &header[..MAX_HEADER - unused];
    if header.len() == text - start {
        out[start..text].copy_from_slice(header);
    } else {
        out.splice(start..text, header.iter().copied());
    }
}

/// Appends a ping without a payload.
pub(super) fn write_ping(out: &mut Vec<u8>) {
    write_header(out, OpCode::Control(Control::Ping), 0);
}

fn write_header(out: &mut impl Write, opcode: OpCode, len: usize) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    header
        .format(len as u64, out)
        .expect("there is room in memory");
}

/// The length of the longest header without a mask.
const MAX_HEADER: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_a_header_of_the_right_length_whatever_was_expected() {
        for (len, header) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (0xffff, &[0x81, 126, 0xff, 0xff]),
            (0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            for expected in [0, 125, 126, 0xffff, 0x1_0000] {
                let mut out = b"before".to_vec();
                write_text(&mut out, expected, |out| out.resize(out.len() + len, b'x'));
                let text = vec![b'x'; len];
                assert_eq!(out, [b"before", header, &text].concat(), "{len} {expected}");
            }
        }
    }

    #[test]
    fn a_ping_is_two_bytes() {
        let mut out = Vec::new();
        write_ping(&mut out);
        assert_eq!(out, [0x89, 0]);
    }
}
