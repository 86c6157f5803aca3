use std::io;
use std::task::Poll;

use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::boundary::Boundary;
use super::read_buffer::{ReadBuffer, Start};

/// The WebSocket protocol, in memory: what a client has sent becomes messages, and what the protocol has to say
/// goes into a write buffer.
///
/// A message that comes whole and in one frame is taken as it is, and a pong is skipped. At anything else,
/// tungstenite takes over until everything that was read is taken and ends with a message.
#[derive(Default)]
pub(super) struct Protocol {
    /// Boxed, because most connections never need it.
    tungstenite: Option<Box<Tungstenite>>,
    max_message: usize,
    /// Whether tungstenite has failed. The bytes behind a failure are no frames.
    is_broken: bool,
}

/// tungstenite, and what it has read.
pub(super) struct Tungstenite {
    pub(super) context: WebSocketContext,
    pub(super) boundary: Boundary,
}

/// What a client has sent.
#[derive(Debug)]
pub(super) enum Received {
    /// A message that came whole and in one frame. [`ReadBuffer::message`] returns it.
    Message,
    /// Any other message, or a control frame. A pong may be missing.
    Other(Message),
}

impl Protocol {
    /// A message may have as many bytes as `max_message`.
    pub(super) fn new(max_message: usize) -> Self {
        Self {
            max_message,
            ..Self::default()
        }
    }

    /// Takes the next message of the input; `None` when the closing handshake is complete, and after an error.
    /// It is pending until more is read, or the client has closed its side.
    #[inline]
    pub(super) fn poll(
        &mut self,
        input: &mut ReadBuffer,
        output: &mut Vec<u8>,
        is_at_end: bool,
    ) -> Poll<Option<Result<Received, Error>>> {
        if self.tungstenite.is_none() && !self.is_broken && !is_at_end {
            match input.take_message(self.max_message) {
                Start::Message => return Poll::Ready(Some(Ok(Received::Message))),
                Start::Part => return Poll::Pending,
                Start::Other => {}
            }
        }
        self.poll_tungstenite(input, output, is_at_end)
    }

    /// Writes what tungstenite has yet to send.
    pub(super) fn flush(&mut self, output: &mut Vec<u8>) -> Result<(), Error> {
        if self.tungstenite.is_none() {
            return Ok(());
        }
        let input = &mut ReadBuffer::default();
        self.with_tungstenite(input, output, false, |context, memory| {
            context.flush(memory)
        })
    }

    /// Begins the closing handshake.
    pub(super) fn close(&mut self, frame: CloseFrame, output: &mut Vec<u8>) -> Result<(), Error> {
        let input = &mut ReadBuffer::default();
        self.with_tungstenite(input, output, false, |context, memory| {
            context.close(memory, Some(frame))
        })
    }

    /// Frees tungstenite, unless it holds a part of a message or has begun to close. It would keep the memory
    /// for the longest message as long as the connection lasts. All its messages must be taken, and no pong
    /// may be unsent.
    pub(super) fn rest(&mut self) {
        self.tungstenite
            .take_if(|it| it.boundary.is_between_messages() && it.context.can_write());
    }

    fn poll_tungstenite(
        &mut self,
        input: &mut ReadBuffer,
        output: &mut Vec<u8>,
        is_at_end: bool,
    ) -> Poll<Option<Result<Received, Error>>> {
        if self.is_broken {
            return Poll::Ready(None);
        }
        let read = self.with_tungstenite(input, output, is_at_end, |context, memory| {
            context.read(memory)
        });
        match read {
            Ok(message) => Poll::Ready(Some(Ok(Received::Other(message)))),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Poll::Ready(None),
            Err(error) => {
                self.is_broken = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn with_tungstenite<T>(
        &mut self,
        input: &mut ReadBuffer,
        output: &mut Vec<u8>,
        is_at_end: bool,
        act: impl FnOnce(&mut WebSocketContext, &mut Memory<'_>) -> T,
    ) -> T {
        let max_message = self.max_message;
        let Tungstenite { context, boundary } = &mut **self
            .tungstenite
            .get_or_insert_with(|| Box::new(Tungstenite::new(max_message)));
        let mut memory = Memory {
            input,
            boundary,
            output,
            is_at_end,
        };
        act(context, &mut memory)
    }
}

impl Tungstenite {
    pub(super) fn new(max_message: usize) -> Self {
        let options = WebSocketConfig::default()
            .read_buffer_size(PROTOCOL_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_CONTROL_FRAMES)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Self {
            context: WebSocketContext::new(Role::Server, Some(options)),
            boundary: Boundary::default(),
        }
    }
}

/// The memory that tungstenite uses as its connection.
pub(super) struct Memory<'a> {
    pub(super) input: &'a mut ReadBuffer,
    pub(super) boundary: &'a mut Boundary,
    pub(super) output: &'a mut Vec<u8>,
    /// Whether the client has closed its side.
    pub(super) is_at_end: bool,
}

impl io::Read for Memory<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.input.take(buf);
        self.boundary.handle_read(&buf[..len]);
        if len == 0 && !self.is_at_end {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(len)
    }
}

impl io::Write for Memory<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many bytes tungstenite is handed at a time. It fills as many with zeros before.
const PROTOCOL_BUFFER: usize = 4096;

/// How many bytes tungstenite may keep to write them: more than a pong and a close frame.
const MAX_CONTROL_FRAMES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::differential::{by_tungstenite, in_parts};
    use super::super::read_buffer::BUFFER_LEN;
    use super::super::whole_frame::masked;
    use super::*;

    /// Numbers that look random, and are the same in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % limit
        }

        /// Returns a frame, seldom a broken one.
        fn frame(&mut self) -> Vec<u8> {
            let first = match self.below(60) {
                0..40 => 0x81,
                40..44 => 0x82,
                44..47 => 0x01,
                47..50 => 0x00,
                50..54 => 0x80,
                54..57 => 0x89,
                57 => 0x8a,
                58 => 0x88,
                _ => self.below(256) as u8,
            };
            let is_control = first & 0x08 != 0;
            let len = match self.below(40) {
                _ if first == 0x88 => 0,
                _ if is_control => self.below(126),
                0 => BUFFER_LEN - 10 + self.below(20),
                1 => 65_530 + self.below(10),
                2..8 => 120 + self.below(300),
                _ => self.below(40),
            };
            let odd = if self.below(200) == 0 { 0xff } else { b'x' };
            let letters = (b'a'..=b'z').cycle().take(len).enumerate();
            let payload: Vec<u8> = letters
                .map(|(i, letter)| if i == len / 2 { odd } else { letter })
                .collect();
            let mut frame = masked(first, &payload);
            if self.below(300) == 0 {
                // Without the bit for a mask, it is what no client may send.
                frame[1] &= 0x7f;
            }
            frame
        }
    }

    #[test]
    fn it_hears_what_tungstenite_hears_wherever_the_bytes_are_cut() {
        let mut random = Random(1);
        let mut last = [0; 2];
        for run in 0..1000 {
            let frames = 1 + random.below(12);
            let bytes: Vec<u8> = (0..frames).flat_map(|_| random.frame()).collect();
            let max_message = if random.below(4) == 0 { 200 } else { 1_000_000 };
            let longest = if random.below(2) == 0 { 10 } else { 20_000 };
            let expected = by_tungstenite(&bytes, max_message);
            let heard = in_parts(&bytes, max_message, || 1 + random.below(longest));
            assert!(heard == expected, "run {run}");
            last[usize::from(heard.len() > frames)] += 1;
        }
        // Streams that break, and streams that do not.
        assert!(last.iter().all(|&runs| runs > 100), "{last:?}");
    }

    #[test]
    fn whole_messages_need_no_tungstenite() {
        let frame = [0x81, 0x83, 0, 0, 0, 0, b'a', b'b', b'c'];
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        let (mut protocol, mut output) = (Protocol::new(1000), Vec::new());
        for (bytes, needs) in [(&frame[..], false), (&ping, true), (&frame, false)] {
            let mut input = ReadBuffer::new(&mut Vec::new());
            input.space()[..bytes.len()].copy_from_slice(bytes);
            input.handle_filled(bytes.len());
            while protocol.poll(&mut input, &mut output, false).is_ready() {}
            assert_eq!(protocol.tungstenite.is_some(), needs);
            protocol.flush(&mut output).unwrap();
            protocol.rest();
            assert!(protocol.tungstenite.is_none());
            input.finish(&mut Vec::new());
        }
        assert_eq!(output, [0x8a, 0]);
    }
}
