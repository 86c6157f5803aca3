//! The bytes that were read from a WebSocket connection, and the messages that came whole.

use std::cell::Cell;
use std::mem;
use std::ops::Range;

use super::whole_frame::{Beginning, Kind, unmask};

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
    message: Range<usize>,
}

/// What the bytes that are not taken begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start {
    /// A message in one frame, which was taken.
    Message,
    /// A part of such a message or of a pong, or nothing.
    Part,
    /// Another control frame, a part of a message in several frames, a message that is longer than the buffer or
    /// than allowed, or something that is no frame.
    Other,
}

impl ReadBuffer {
    /// Begins with the rest of the last time.
    pub(super) fn new(rest: &mut Vec<u8>) -> Self {
        let buffer = mem::take(rest);
        Self {
            untaken: 0..buffer.len(),
            message: 0..0,
            buffer,
        }
    }

    /// Takes the next message, if it has come whole and in one frame, and the pongs before it, which mean nothing.
    pub(super) fn take_message(&mut self, max_len: usize) -> Start {
        loop {
            let untaken = &mut self.buffer[self.untaken.clone()];
            let header = match Beginning::of(untaken) {
                Beginning::Header(header) => header,
                Beginning::Part => return Start::Part,
                Beginning::Other => return Start::Other,
            };
            let frame_len = header.len + header.payload;
            if header.payload > max_len || frame_len > BUFFER_LEN {
                return Start::Other;
            }
            let Some(payload) = untaken.get_mut(header.len..frame_len) else {
                return Start::Part;
            };
            let start = self.untaken.start;
            self.untaken.start += frame_len;
            if header.kind == Kind::Message {
                unmask(payload, header.mask);
                self.message = start + header.len..start + frame_len;
                return Start::Message;
            }
        }
    }

    /// Returns the message that was taken last, until more is read.
    pub(super) fn message(&self) -> &[u8] {
        &self.buffer[self.message.clone()]
    }

    /// Takes bytes into a buffer, and returns their number.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> usize {
        let len = buf.len().min(self.untaken.len());
        let end = self.untaken.start + len;
        buf[..len].copy_from_slice(&self.buffer[self.untaken.start..end]);
        self.untaken.start = end;
        len
    }

    /// Returns space to read into. No more than a part of a message may be untaken.
    pub(super) fn space(&mut self) -> &mut [u8] {
        let len = self.untaken.len();
        if self.buffer.len() != BUFFER_LEN {
            let mut buffer = BUFFER.take();
            buffer.resize(BUFFER_LEN, 0);
            buffer[..len].copy_from_slice(&self.buffer[self.untaken.clone()]);
            self.buffer = buffer;
        } else if len > 0 {
            self.buffer.copy_within(self.untaken.clone(), 0);
        }
        self.untaken = 0..len;
        &mut self.buffer[len..]
    }

    /// Bytes were read into the space.
    pub(super) fn handle_filled(&mut self, len: usize) {
        self.untaken.end += len;
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

/// How long the buffer of a thread is.
pub(super) const BUFFER_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::super::whole_frame::masked;
    use super::*;

    const MAX_LEN: usize = 20_000;

    fn fill(input: &mut ReadBuffer, bytes: &[u8]) {
        input.space()[..bytes.len()].copy_from_slice(bytes);
        input.handle_filled(bytes.len());
    }

    #[test]
    fn messages_are_taken_one_by_one() {
        let long = "x".repeat(300);
        let frames = [
            masked(0x81, b"hello"),
            masked(0x82, long.as_bytes()),
            masked(0x81, b""),
            masked(0x8a, b"pong"),
            masked(0x8a, b""),
            masked(0x81, b"last"),
        ];
        let mut input = ReadBuffer::new(&mut Vec::new());
        fill(&mut input, &frames.concat());
        for text in ["hello", &long, "", "last"] {
            assert_eq!(input.take_message(MAX_LEN), Start::Message);
            assert_eq!(input.message(), text.as_bytes());
        }
        assert_eq!(input.take_message(MAX_LEN), Start::Part);
        input.finish(&mut Vec::new());
    }

    #[test]
    fn a_message_that_comes_in_parts_is_taken_when_it_is_whole() {
        let text = "a message".repeat(100);
        let frame = masked(0x81, text.as_bytes());
        for part in [1, 7, 500] {
            let mut rest = Vec::new();
            let mut parts = frame.chunks(part).peekable();
            while let Some(bytes) = parts.next() {
                let mut input = ReadBuffer::new(&mut rest);
                assert_eq!(input.take_message(MAX_LEN), Start::Part);
                fill(&mut input, bytes);
                if parts.peek().is_none() {
                    assert_eq!(input.take_message(MAX_LEN), Start::Message);
                    assert_eq!(input.message(), text.as_bytes());
                }
                input.finish(&mut rest);
            }
            assert_eq!(rest.capacity(), 0);
        }
    }

    #[test]
    fn a_part_behind_messages_keeps_its_bytes() {
        let (first, second) = (masked(0x81, b"first"), masked(0x81, b"second"));
        let (begun, missing) = second.split_at(8);
        let mut input = ReadBuffer::new(&mut Vec::new());
        fill(&mut input, &[&first, begun].concat());
        assert_eq!(input.take_message(MAX_LEN), Start::Message);
        assert_eq!(input.take_message(MAX_LEN), Start::Part);
        fill(&mut input, missing);
        assert_eq!(input.take_message(MAX_LEN), Start::Message);
        assert_eq!(input.message(), b"second");
        input.finish(&mut Vec::new());
    }

    #[test]
    fn what_is_no_message_in_one_frame_is_left_as_it_is() {
        let longest = "x".repeat(BUFFER_LEN - 8);
        let unmasked = vec![0x81, 5, 1, 2, 3, 4, 5];
        for (frame, max_len, start) in [
            (masked(0x01, b"begins"), MAX_LEN, Start::Other),
            (masked(0x80, b"ends"), MAX_LEN, Start::Other),
            (masked(0x88, b""), MAX_LEN, Start::Other),
            (masked(0x89, b"ping"), MAX_LEN, Start::Other),
            (masked(0xc1, b"compressed"), MAX_LEN, Start::Other),
            (unmasked, MAX_LEN, Start::Other),
            (masked(0x81, b"12345"), 5, Start::Message),
            (masked(0x81, b"123456"), 5, Start::Other),
            (masked(0x81, longest.as_bytes()), MAX_LEN, Start::Message),
        ] {
            let mut input = ReadBuffer::new(&mut Vec::new());
            fill(&mut input, &frame);
            assert_eq!(input.take_message(max_len), start, "{:?}", &frame[..5]);
            if start == Start::Other {
                let mut taken = vec![0; frame.len()];
                assert_eq!(input.take(&mut taken), frame.len());
                assert_eq!(taken, frame);
            }
            input.finish(&mut Vec::new());
        }
        let too_long = masked(0x81, &[longest.as_bytes(), b"x"].concat());
        let mut input = ReadBuffer::new(&mut Vec::new());
        fill(&mut input, &too_long[..100]);
        assert_eq!(input.take_message(MAX_LEN), Start::Other);
    }

    #[test]
    fn what_is_not_taken_is_kept() {
        let mut rest = Vec::new();
        let mut input = ReadBuffer::new(&mut rest);
        fill(&mut input, b"hello");
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
        input.space()[0] = 7;
        input.finish(&mut rest);
        let mut input = ReadBuffer::new(&mut rest);
        // A new buffer is filled with zeros.
        assert_eq!(input.space()[0], 7);
        input.finish(&mut rest);
    }
}
