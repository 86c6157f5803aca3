//! Compares what is heard through [`Protocol`] with what is heard through tungstenite alone: for a test and for
//! the fuzz target `websocket`.

use std::str;
use std::task::Poll;

use tungstenite::{Error, Message};

use super::protocol::{Memory, Protocol, Received, Tungstenite};
use super::read_buffer::ReadBuffer;

/// Reads a stream whose first byte tells how it is cut and how long a message may be.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_websocket(data: &[u8]) {
    let Some((&options, bytes)) = data.split_first() else {
        return;
    };
    let max_message = if options & 1 == 0 { 100 } else { 100_000 };
    let mut cut = usize::from(options);
    let cuts = || {
        cut = cut.wrapping_mul(31).wrapping_add(7) & 0xff;
        1 + cut
    };
    let heard = in_parts(bytes, max_message, cuts);
    assert_eq!(heard, by_tungstenite(bytes, max_message));
}

/// What an application is to hear.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Text(Vec<u8>),
    Control(Message),
    Broken(Fault),
    /// The closing handshake is complete.
    Closed,
}

/// What a client did wrong. Each has a close code of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    Utf8,
    Limit,
    Other,
}

impl Heard {
    fn text(bytes: &[u8]) -> Self {
        if str::from_utf8(bytes).is_ok() {
            Self::Text(bytes.to_vec())
        } else {
            Self::Broken(Fault::Utf8)
        }
    }

    fn from(message: Option<Result<Message, Error>>) -> Self {
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                Self::text(&message.into_data())
            }
            Some(Ok(control)) => Self::Control(control),
            Some(Err(Error::Utf8(_))) => Self::Broken(Fault::Utf8),
            Some(Err(Error::Capacity(_))) => Self::Broken(Fault::Limit),
            Some(Err(_)) => Self::Broken(Fault::Other),
            None => Self::Closed,
        }
    }

    fn is_last(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Closed)
    }
}

/// Reads everything by tungstenite alone.
pub(super) fn by_tungstenite(bytes: &[u8], max_message: usize) -> Vec<Heard> {
    let Tungstenite {
        mut context,
        mut boundary,
    } = Tungstenite::new(max_message);
    let mut memory = Memory {
        input: &mut ReadBuffer::new(&mut bytes.to_vec()),
        boundary: &mut boundary,
        output: &mut Vec::new(),
        is_at_end: true,
    };
    let mut heard = Vec::new();
    loop {
        let message = match context.read(&mut memory) {
            // It means nothing, and may be skipped.
            Ok(Message::Pong(_)) => continue,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => None,
            message => Some(message),
        };
        heard.push(Heard::from(message));
        if heard.last().is_some_and(Heard::is_last) {
            return heard;
        }
    }
}

/// Reads everything as it arrives in parts, whose lengths `next_len` returns.
pub(super) fn in_parts(
    bytes: &[u8],
    max_message: usize,
    mut next_len: impl FnMut() -> usize,
) -> Vec<Heard> {
    let mut protocol = Protocol::new(max_message);
    let (mut rest, mut output, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    let mut left = bytes;
    loop {
        let mut input = ReadBuffer::new(&mut rest);
        let is_at_end = left.is_empty();
        let space = input.space();
        let len = space.len().min(left.len()).min(next_len());
        space[..len].copy_from_slice(&left[..len]);
        left = &left[len..];
        input.handle_filled(len);
        while let Poll::Ready(received) = protocol.poll(&mut input, &mut output, is_at_end) {
            if let Some(Ok(Received::Other(Message::Pong(_)))) = received {
                continue;
            }
            heard.push(match received {
                Some(Ok(Received::Message)) => Heard::text(input.message()),
                Some(Ok(Received::Other(message))) => Heard::from(Some(Ok(message))),
                Some(Err(error)) => Heard::from(Some(Err(error))),
                None => Heard::Closed,
            });
            if heard.last().is_some_and(Heard::is_last) {
                return heard;
            }
            // The connection is closed once the answer to a close frame is written.
            let _ = protocol.flush(&mut output);
        }
        protocol.rest();
        input.finish(&mut rest);
    }
}
