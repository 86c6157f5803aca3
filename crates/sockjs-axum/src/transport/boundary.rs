//! Where messages begin and end in the bytes that tungstenite has read.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// Follows the frames in what tungstenite has read, to know when it holds no part of a message.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    /// The part of the next frame's header that was read.
    header: Header,
    /// How many bytes are left of the payload of the present frame.
    payload: u64,
    /// Whether there are more frames of the present message.
    is_within_message: bool,
    /// Whether a header is not valid. tungstenite then fails.
    is_broken: bool,
}

#[derive(Debug, Default)]
struct Header {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl Boundary {
    /// tungstenite has read these bytes.
    pub(super) fn handle_read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_broken {
            if self.payload > 0 {
                let len = bytes
                    .len()
                    .min(usize::try_from(self.payload).unwrap_or(usize::MAX));
                self.payload -= len as u64;
                bytes = &bytes[len..];
                continue;
            }
            let known = self.header.len;
            let more = bytes.len().min(MAX_HEADER - known);
            self.header.bytes[known..known + more].copy_from_slice(&bytes[..more]);
            let mut cursor = Cursor::new(&self.header.bytes[..known + more]);
            match FrameHeader::parse(&mut cursor) {
                Ok(Some((header, payload))) => {
                    bytes = &bytes[cursor.position() as usize - known..];
                    self.header.len = 0;
                    self.begin(header.opcode, header.is_final, payload);
                }
                Ok(None) => {
                    self.header.len += more;
                    return;
                }
                Err(_) => self.is_broken = true,
            }
        }
    }

    /// The header of a frame was read.
    fn begin(&mut self, opcode: OpCode, is_final: bool, payload: u64) {
        self.payload = payload;
        if let OpCode::Data(Data::Text | Data::Binary | Data::Continue) = opcode {
            self.is_within_message = !is_final;
        }
    }

    /// Returns whether the bytes that were read end with a message.
    pub(super) fn is_between_messages(&self) -> bool {
        self.header.len == 0 && self.payload == 0 && !self.is_within_message && !self.is_broken
    }
}

/// How long the header of a frame may be: RFC 6455 §5.2.
const MAX_HEADER: usize = 14;

#[cfg(test)]
mod tests {
    use super::super::whole_frame::masked;
    use super::*;

    fn frame(first: u8, len: usize) -> Vec<u8> {
        masked(first, &vec![0x81; len])
    }

    const TEXT: u8 = 0x81;
    const TEXT_BEGINS: u8 = 0x01;
    const GOES_ON: u8 = 0x00;
    const ENDS: u8 = 0x80;
    const PING: u8 = 0x89;

    #[test]
    fn tungstenite_holds_nothing_between_messages_alone() {
        for (frames, is_whole) in [
            (vec![(TEXT, 300)], vec![true]),
            (vec![(TEXT, 70_000), (TEXT, 0)], vec![true, true]),
            (
                vec![(TEXT_BEGINS, 300), (PING, 5), (GOES_ON, 0), (ENDS, 1)],
                vec![false, false, false, true],
            ),
        ] {
            for part in [1, 2, 5, 1000, 100_000] {
                let mut boundary = Boundary::default();
                for ((first, len), is_whole) in frames.iter().zip(&is_whole) {
                    let frame = frame(*first, *len);
                    let (last, begun) = frame.split_last().expect("a frame has a header");
                    for bytes in begun.chunks(part) {
                        boundary.handle_read(bytes);
                    }
                    assert!(!boundary.is_between_messages(), "{first:x} {len} {part}");
                    boundary.handle_read(&[*last]);
                    assert_eq!(
                        boundary.is_between_messages(),
                        *is_whole,
                        "{first:x} {len} {part}"
                    );
                }
            }
        }
    }

    #[test]
    fn several_frames_in_one_part_are_followed() {
        let frames = [frame(TEXT, 3), frame(PING, 0), frame(TEXT, 300)].concat();
        let mut boundary = Boundary::default();
        boundary.handle_read(&frames);
        assert!(boundary.is_between_messages());
        boundary.handle_read(&frames[..frames.len() - 1]);
        assert!(!boundary.is_between_messages());
    }

    #[test]
    fn after_an_unknown_frame_nothing_is_between_messages() {
        for first in [0x83, 0x8b, 0xf1] {
            let mut boundary = Boundary::default();
            boundary.handle_read(&frame(first, 3));
            boundary.handle_read(&frame(TEXT, 3));
            let is_known = first & 0xf == 1;
            assert_eq!(boundary.is_between_messages(), is_known, "{first:x}");
        }
    }
}
