use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sockjs_core::Frame;

use super::output::{ReceiverNumber, SHORT, SLICE, Then};
use super::shared::Shared;

/// The hold of a response's body on its session: takes frames, and hands their bytes over in slices.
///
/// The rest of a frame belongs to the session, and goes with it. An HTTP server may keep the body of
/// a response that the client does not read for much longer than the session lasts, and asks such a
/// body for nothing. For the same reason the body does not keep the session in memory.
///
/// A writer that is dropped before its response is complete has lost its client, and the session
/// ends. A writer that is dropped after that has released its client: the disconnect delay starts.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Weak<Shared>,
    receiver: ReceiverNumber,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// All frames that were taken are handed over and count as written.
    Ready,
    /// A frame was taken, and does not count as written.
    Taken,
    /// The session has the rest of a frame.
    Writing(Then),
    /// The response is complete for the client.
    Complete,
    /// The session ended, and this response has nothing more to say.
    Over,
}

impl Writer {
    pub(super) fn new(shared: &Arc<Shared>, receiver: ReceiverNumber) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            receiver,
            stage: Stage::Ready,
        }
    }

    /// Takes the next frame, which must be [written](Self::write) at once; `None` once no frame will
    /// follow. Says what follows the frame, if the response is not over for its length.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Frame, Then)>> {
        let taken = match self.shared.upgrade() {
            Some(shared) => ready!(shared.poll_frame_for_response(cx)),
            None => None,
        };
        let Some(taken) = taken else {
            self.stage = Stage::Over;
            return Poll::Ready(None);
        };
        self.stage = match taken.frame {
            // The session has ended with this frame.
            Frame::Close(_) => Stage::Over,
            _ if taken.is_written => Stage::Ready,
            _ => Stage::Taken,
        };
        let then = if taken.is_last {
            Then::Complete
        } else {
            Then::NextFrame
        };
        Poll::Ready(Some((taken.frame, then)))
    }

    /// Hands over the first slice of a frame; `None` if the session has ended.
    pub(crate) fn write(&mut self, bytes: Bytes, then: Then) -> Option<Bytes> {
        if self.stage == Stage::Over {
            // A close frame is as long as the application wants, and nobody else can prolong it.
            return Some(bytes);
        }
        let most = match then {
            Then::NextFrame => SLICE,
            Then::Complete => SHORT,
        };
        if bytes.len() > most {
            self.keep(bytes, then);
            return self.next_slice();
        }
        match (then, self.stage) {
            (Then::Complete, _) => self.complete(),
            (Then::NextFrame, Stage::Taken) => {
                if let Some(shared) = self.shared.upgrade() {
                    shared.handle_flushed();
                }
                self.stage = Stage::Ready;
            }
            (Then::NextFrame, _) => {}
        }
        Some(bytes)
    }

    /// Leaves a frame to the session, to be handed over by [`next_slice`](Self::next_slice).
    pub(crate) fn keep(&mut self, bytes: Bytes, then: Then) {
        if let Some(shared) = self.shared.upgrade() {
            shared.keep(bytes);
        }
        self.stage = Stage::Writing(then);
    }

    /// Hands over the next slice of the frame; `None` if there is none, or the session has ended.
    pub(crate) fn next_slice(&mut self) -> Option<Bytes> {
        let Stage::Writing(then) = self.stage else {
            return None;
        };
        let shared = self.shared.upgrade();
        let Some(slice) = shared.and_then(|shared| shared.take_slice(then)) else {
            self.stage = Stage::Over;
            return None;
        };
        if slice.is_last {
            self.stage = match then {
                Then::NextFrame => Stage::Ready,
                Then::Complete => Stage::Complete,
            };
        }
        Some(slice.copy())
    }

    /// Detaches from the session, because the response is complete and the client will ask again.
    ///
    /// Must be called before the last bytes are handed over. Otherwise the client's next request
    /// could arrive while this one still counts as attached.
    pub(crate) fn complete(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.handle_complete();
        }
        self.stage = Stage::Complete;
    }

    /// Returns whether the next bytes are those of another frame.
    pub(crate) fn wants_frame(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Taken)
    }

    /// Returns whether nothing more will be handed over.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Complete | Stage::Over)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        match self.stage {
            Stage::Ready | Stage::Taken | Stage::Writing(_) => shared.handle_lost(),
            Stage::Complete => shared.handle_released(self.receiver),
            Stage::Over => {}
        }
    }
}
