use bytes::Bytes;

/// The rest of a frame whose slices are being handed to the HTTP server.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// `None` if nothing is left. Boxed, because most frames are one slice.
    rest: Option<Box<Bytes>>,
    /// The receiver that was attached last.
    receiver: ReceiverNumber,
}

/// Tells the receivers of a session apart.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ReceiverNumber(u32);

/// What follows a frame in its response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    NextFrame,
    /// The frame completes the response.
    Complete,
}

/// A part of a frame.
#[derive(Debug)]
pub(super) struct Slice {
    /// It shares the memory of the whole frame.
    bytes: Bytes,
    pub(super) is_last: bool,
}

impl Output {
    /// Counts one more receiver.
    pub(super) fn next_receiver(&mut self) -> ReceiverNumber {
        self.receiver = ReceiverNumber(self.receiver.0.wrapping_add(1));
        self.receiver
    }

    pub(super) fn receiver(&self) -> ReceiverNumber {
        self.receiver
    }

    pub(super) fn set(&mut self, frame: Bytes) {
        self.rest = Some(Box::new(frame));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_none()
    }

    /// Takes what is left.
    pub(super) fn take(&mut self) -> Option<Box<Bytes>> {
        self.rest.take()
    }

    /// Takes the next slice; `None` if nothing is left.
    pub(super) fn take_slice(&mut self, then: Then) -> Option<Slice> {
        let rest = self.rest.as_mut()?;
        let len = match then {
            Then::NextFrame => SLICE,
            Then::Complete if rest.len() <= TAIL => TAIL,
            Then::Complete => SLICE.min(rest.len() - TAIL),
        };
        let is_last = rest.len() <= len;
        let bytes = rest.split_to(len.min(rest.len()));
        if is_last {
            self.rest = None;
        }
        Some(Slice { bytes, is_last })
    }
}

impl Slice {
    /// Copies the slice. A client that does not read makes the HTTP server keep the slice, and the
    /// slice must not keep the frame.
    pub(super) fn copy(self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }
}

/// How many bytes of a frame are handed to the HTTP server at a time.
///
/// A client must take as many bytes in each send timeout. A stream of HTTP/2 holds two slices without
/// its client: one in h2, and one in hyper, which asks for one slice ahead. Over HTTP/1 hyper takes
/// sixteen before it waits for the socket.
pub(super) const SLICE: usize = 16 * 1024;

/// How many bytes the last slice of a response has at most.
///
/// hyper lets go of the body when it has passed on the last slice, and the disconnect delay starts.
/// Over HTTP/2 it passes a slice on when those before it have left. So few bytes are left then.
const TAIL: usize = 1024;

/// How long a frame may be to leave in one slice even at the end of a response. Frames of as many bytes
/// of messages are not longer than `SLICE` in any format.
///
/// A control character grows most: it has seven bytes in a JSON string within a JavaScript string.
/// The overhead that the send buffer counts for each message covers what is around a message.
pub(crate) const SHORT: usize = SLICE / 8;

#[cfg(test)]
mod tests {
    use sockjs_core::{Callback, Frame, ResponseEncoder, SessionConfig};

    use super::*;

    fn slices(frame: &Bytes, then: Then) -> Vec<Bytes> {
        let mut output = Output::default();
        output.set(frame.clone());
        let mut slices = Vec::new();
        loop {
            let slice = output.take_slice(then).expect("the last one says so");
            let is_last = slice.is_last;
            slices.push(slice.copy());
            assert_eq!(output.is_empty(), is_last);
            if is_last {
                assert!(output.take_slice(then).is_none());
                return slices;
            }
        }
    }

    #[test]
    fn slices_are_the_frame_and_the_last_one_of_a_response_is_small() {
        let lengths = [
            1,
            TAIL,
            TAIL + 1,
            SHORT + 1,
            SLICE - 1,
            SLICE,
            SLICE + 1,
            5 * SLICE + 7,
        ];
        for len in lengths {
            let frame: Bytes = (0..len).map(|n| n as u8).collect();
            for then in [Then::NextFrame, Then::Complete] {
                let slices = slices(&frame, then);
                assert_eq!(slices.concat(), frame);
                assert!(
                    slices
                        .iter()
                        .all(|slice| (1..=SLICE).contains(&slice.len()))
                );
                assert!(slices.len() <= len.div_ceil(SLICE) + 1, "{len}");
                let last = slices.last().expect("there is one");
                assert!(then == Then::NextFrame || last.len() <= TAIL, "{len}");
            }
        }
    }

    #[test]
    fn a_short_frame_is_one_slice_in_every_format() {
        const OVERHEAD: usize = SessionConfig::MESSAGE_OVERHEAD;
        let callback = Callback::parse(&"c".repeat(32)).expect("a valid name");
        for (count, len) in [
            (1, SHORT - OVERHEAD),
            (SHORT / (OVERHEAD + 1), 1),
            (SHORT / OVERHEAD, 0),
        ] {
            // No character grows more.
            let message = "\u{1}".repeat(len);
            let frame = Frame::Messages(vec![message.into(); count]);
            for mut encoder in [
                ResponseEncoder::xhr(),
                ResponseEncoder::xhr_streaming(usize::MAX),
                ResponseEncoder::eventsource(usize::MAX),
                ResponseEncoder::htmlfile(callback.clone(), usize::MAX),
                ResponseEncoder::jsonp(callback.clone()),
            ] {
                let encoded = encoder.encode(&frame);
                assert!(encoded.len() <= SLICE, "{} bytes", encoded.len());
            }
        }
    }

    #[test]
    fn a_slice_does_not_keep_the_frame() {
        let frame = Bytes::from(vec![0; 3 * SLICE]);
        let mut output = Output::default();
        output.set(frame.clone());
        let slice = output.take_slice(Then::NextFrame).expect("there is one");
        let _slice = slice.copy();
        drop(output);
        assert!(frame.is_unique());
    }
}
