//! The bytes that were read from a WebSocket connection and do not form a message yet.

use std::cell::Cell;
use std::io::Cursor;
use std::mem;
use std::ops::Range;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

thread_local! {
    /// All connections of a thread read into one buffer, one after the other, because each of them
    /// leaves it empty nearly always.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The bytes that were read from a connection and not yet taken, while its task runs.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    buffer: Vec<u8>,
    untaken: Range<usize>,
}

impl ReadBuffer {
    /// Begins with the rest of the last time.
    pub(super) fn new(rest: &mut Vec<u8>) -> Self {
        let buffer = mem::take(rest);
        Self {
            untaken: 0..buffer.len(),
            buffer,
        }
    }

    /// Returns whether everything is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.untaken.is_empty()
    }

    /// Takes bytes into a buffer, and returns their number.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> usize {
        let len = buf.len().min(self.untaken.len());
        let end = self.untaken.start + len;
        buf[..len].copy_from_slice(&self.buffer[self.untaken.start..end]);
        self.untaken.start = end;
        len
    }

    /// Returns space to read into. Everything must be taken.
    pub(super) fn space(&mut self) -> &mut [u8] {
        debug_assert!(self.untaken.is_empty(), "bytes would be lost");
        if self.buffer.len() != BUFFER_LEN {
            self.buffer = BUFFER.take();
            self.buffer.resize(BUFFER_LEN, 0);
        }
        &mut self.buffer
    }

    /// Bytes were read into the space.
    pub(super) fn handle_filled(&mut self, len: usize) {
        self.untaken = 0..len;
    }

    /// Puts the bytes that were not taken into `rest`, and gives the buffer back.
    pub(super) fn finish(mut self, rest: &mut Vec<u8>) {
        if self.buffer.len() == BUFFER_LEN {
            *rest = self.buffer[self.untaken].to_vec();
            BUFFER.set(self.buffer);
        } else if !self.untaken.is_empty() {
            self.buffer.drain(..self.untaken.start);
            *rest = self.buffer;
        }
    }
}

/// Follows the frames in what tungstenite has read, to know when it holds no part of a message.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    /// The part of the next frame's header that was read.
    header: Header,
    /// How many bytes are left of the payload of the present frame.
    payload: u64,
    /// Whether there are more frames of the present message.
    is_within_message: bool,
    /// The length of the longest payload.
    longest: u64,
    /// Whether a header is not valid. tungstenite then fails.
    is_broken: bool,
}

#[derive(Debug, Default)]
struct Header {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

/// The header of a masked frame with less than 126 bytes, as nearly all frames of clients are.
struct ShortHeader {
    first: u8,
    payload: u64,
}

impl ShortHeader {
    const LEN: usize = 6;

    #[inline]
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[first, second, _, _, _, _] = bytes.first_chunk::<{ Self::LEN }>()?;
        let is_short = second & MASKED != 0 && second & !MASKED < 126;
        // tungstenite fails at other opcodes.
        let is_known = matches!(first & 0xf, 0..=2 | 8..=10);
        (is_short && is_known).then_some(Self {
            first,
            payload: u64::from(second & !MASKED),
        })
    }
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
            if self.header.len == 0 {
                // Nearly every frame is short and whole.
                if let Some(ShortHeader { first, payload }) = ShortHeader::parse(bytes) {
                    bytes = &bytes[ShortHeader::LEN..];
                    self.begin(OpCode::from(first & 0xf), first & FINAL != 0, payload);
                    continue;
                }
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
        self.longest = self.longest.max(payload);
        if let OpCode::Data(Data::Text | Data::Binary | Data::Continue) = opcode {
            self.is_within_message = !is_final;
        }
    }

    /// Returns how long the longest payload is.
    pub(super) fn longest(&self) -> u64 {
        self.longest
    }

    /// Returns whether the bytes that were read end with a message.
    pub(super) fn is_between_messages(&self) -> bool {
        self.header.len == 0 && self.payload == 0 && !self.is_within_message && !self.is_broken
    }
}

/// The bits of the first two bytes of a header: RFC 6455 §5.2.
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// How long the buffer of a thread is.
const BUFFER_LEN: usize = 16 * 1024;

/// How long the header of a frame may be: RFC 6455 §5.2.
const MAX_HEADER: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame with a payload of that length.
    fn frame(first: u8, len: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match len {
            0..=125 => frame.push(0x80 | len as u8),
            126..=0xffff => {
                frame.push(0xfe);
                frame.extend((len as u16).to_be_bytes());
            }
            _ => {
                frame.push(0xff);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + len, 0x81);
        frame
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
        assert_eq!(boundary.longest(), 300);
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

    #[test]
    fn what_is_not_taken_is_kept() {
        let mut rest = Vec::new();
        let mut input = ReadBuffer::new(&mut rest);
        input.space()[..5].copy_from_slice(b"hello");
        input.handle_filled(5);
        let mut two = [0; 2];
        assert_eq!(input.take(&mut two), 2);
        input.finish(&mut rest);
        assert_eq!((&two, &*rest), (b"he", &b"llo"[..]));

        let mut input = ReadBuffer::new(&mut rest);
        assert_eq!(input.take(&mut two), 2);
        input.finish(&mut rest);
        assert_eq!((&two, &*rest), (b"ll", &b"o"[..]));

        let mut input = ReadBuffer::new(&mut rest);
        assert_eq!(input.take(&mut two), 1);
        assert_eq!(input.take(&mut two), 0);
        assert_eq!(input.space().len(), BUFFER_LEN);
        input.finish(&mut rest);
        assert_eq!(rest.capacity(), 0);
    }

    #[test]
    fn connections_of_a_thread_share_a_buffer() {
        let mut rest = Vec::new();
        let mut input = ReadBuffer::new(&mut rest);
        let first = input.space().as_ptr();
        input.finish(&mut rest);
        let mut input = ReadBuffer::new(&mut rest);
        assert_eq!(input.space().as_ptr(), first);
        input.finish(&mut rest);
    }
}
