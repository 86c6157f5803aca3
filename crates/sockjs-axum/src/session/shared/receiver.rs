//! The receiver's side of a session: frames to the client.

use std::mem;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::Bytes;
use sockjs_core::{AttachError, CloseReason, Frame};

use super::{Connection, Live, Shared};
use crate::session::output::{ReceiverNumber, SHORT, Slice, Then};
use crate::session::wakers::Awaited;

/// A frame for the body of a response.
#[derive(Debug)]
pub(in crate::session) struct Taken {
    pub(in crate::session) frame: Frame,
    /// Whether it counts as written already.
    pub(in crate::session) is_written: bool,
    /// Whether it is to end the response, whatever its length is.
    pub(in crate::session) is_last: bool,
}

/// Whether another frame is ready after one that was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Ready,
    Later,
}

/// For the receiver.
impl Shared {
    /// Attaches a receiver, or returns the close reason to turn it away with.
    pub(in crate::session) fn attach(
        &self,
        connection: Connection,
    ) -> Result<ReceiverNumber, CloseReason> {
        let receiver = self.update(|live| {
            let now = live.read_clock();
            live.session.attach(now).map_err(|error| match error {
                AttachError::Closed(reason) => reason,
                _ => CloseReason::ANOTHER_CONNECTION,
            })?;
            live.connection = connection;
            live.is_finishing = false;
            Ok(live.output.next_receiver())
        })?;
        self.meter.attached(connection.transport);
        Ok(receiver)
    }

    /// Takes the next frame; `None` once no frame will follow.
    pub(in crate::session) fn poll_frame(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Frame, Next)>> {
        self.take_frame(|live| live.poll_frame_and_next(cx))
    }

    /// Reports that the client was sent all frames taken so far, and takes the next one.
    pub(in crate::session) fn poll_next_frame(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Frame, Next)>> {
        self.take_frame(|live| {
            live.handle_flushed();
            live.poll_frame_and_next(cx)
        })
    }

    pub(in crate::session) fn handle_alive(&self) {
        self.lock().session.handle_alive();
    }

    pub(in crate::session) fn handle_progress(&self) {
        let mut live = self.lock();
        let now = live.read_clock();
        live.session.handle_progress(now);
    }

    pub(in crate::session) fn handle_blocked(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_blocked(now);
        });
    }

    pub(in crate::session) fn handle_lost(&self) {
        self.update(|live| live.session.handle_lost());
    }

    fn take_frame(
        &self,
        take: impl FnOnce(&mut Live) -> Poll<Option<(Frame, Next)>>,
    ) -> Poll<Option<(Frame, Next)>> {
        let (taken, waiting) = self.update(|live| {
            let waiting = live.session.unsent();
            (take(live), waiting)
        });
        let taken = ready!(taken);
        if let Some((frame, _)) = &taken {
            self.meter.sent(frame, waiting);
        }
        Poll::Ready(taken)
    }
}

/// For the body of a response.
impl Shared {
    /// Takes the next frame; `None` once no frame will follow.
    ///
    /// A frame that is surely not longer than a slice counts as written, because it will be handed
    /// over at once, and the session need not be locked a second time.
    pub(in crate::session) fn poll_frame_for_response(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Taken>> {
        let (mut is_written, mut is_last) = (false, false);
        let taken = ready!(self.take_frame(|live| {
            is_written = live.session.unsent() <= SHORT;
            let was_asked = live.is_finishing;
            let frame = ready!(live.poll_frame(cx));
            is_last = was_asked && !live.is_finishing;
            if is_written {
                live.handle_flushed();
            }
            Poll::Ready(frame.map(|frame| (frame, Next::Later)))
        }));
        Poll::Ready(taken.map(|(frame, _)| Taken {
            frame,
            is_written,
            is_last,
        }))
    }

    /// Has the attached response end soon without loss: with the frames that wait, or with a heartbeat.
    /// The client then asks for the next one. A WebSocket goes on.
    pub(crate) fn finish_response(&self) {
        let waker = {
            let mut live = self.lock();
            if live.connection.transport.is_websocket() {
                return;
            }
            // A response that is attached later is none of this.
            live.is_finishing = true;
            live.wakers.take_other(Awaited::Frame)
        };
        waker.into_iter().for_each(Waker::wake);
    }

    pub(in crate::session) fn handle_flushed(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_flushed(now);
        });
    }

    /// Keeps a frame that will be handed over in slices, unless the session has ended.
    pub(in crate::session) fn keep(&self, frame: Bytes) {
        self.update(|live| live.output.set(frame));
    }

    /// Takes the next slice of the frame that is kept; `None` if the session has ended.
    pub(in crate::session) fn take_slice(&self, then: Then) -> Option<Slice> {
        self.update(|live| {
            let slice = live.output.take_slice(then)?;
            let now = live.read_clock();
            match then {
                _ if !slice.is_last => live.session.handle_progress(now),
                Then::NextFrame => live.session.handle_flushed(now),
                Then::Complete => live.handle_complete(now),
            }
            Some(slice)
        })
    }

    /// Detaches the receiver, whose response is complete for the client.
    pub(in crate::session) fn handle_complete(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.handle_complete(now);
        });
    }

    /// Starts the disconnect delay, because the HTTP server has let go of the complete response. The
    /// delay is none of this receiver's business if there was a later one.
    pub(in crate::session) fn handle_released(&self, receiver: ReceiverNumber) {
        self.update(|live| {
            if live.output.receiver() == receiver {
                let now = live.read_clock();
                live.session.handle_released(now);
            }
        });
    }
}

impl Live {
    fn poll_frame(&mut self, cx: &Context<'_>) -> Poll<Option<Frame>> {
        if self.session.has_frame() {
            self.wakers.set(Awaited::Frame, None);
            let now = self.read_clock();
            return Poll::Ready(self.session.poll_frame(now));
        }
        if self.session.ending().is_some() {
            self.wakers.set(Awaited::Frame, None);
            return Poll::Ready(None);
        }
        if mem::take(&mut self.is_finishing) {
            // A response needs a frame, and this one says nothing.
            return Poll::Ready(Some(Frame::Heartbeat));
        }
        self.wakers.set(Awaited::Frame, Some(cx));
        Poll::Pending
    }

    fn poll_frame_and_next(&mut self, cx: &Context<'_>) -> Poll<Option<(Frame, Next)>> {
        let frame = ready!(self.poll_frame(cx));
        let next = if self.session.has_frame() {
            Next::Ready
        } else {
            Next::Later
        };
        Poll::Ready(frame.map(|frame| (frame, next)))
    }

    fn handle_complete(&mut self, now: Instant) {
        self.session.handle_complete(now);
        self.wakers.shrink();
    }

    /// Reports that all frames taken are written. A frame that was taken in this run of the task
    /// was written in it, so that the time at which it was taken is recent enough.
    fn handle_flushed(&mut self) {
        let now = self.recent_time();
        self.session.handle_flushed(now);
    }
}

/// What a test takes apart to plant a lost wake-up.
#[cfg(all(test, shuttle))]
impl Shared {
    pub(in crate::session) fn has_frame(&self) -> bool {
        self.lock().session.has_frame()
    }

    pub(in crate::session) fn wait_for_frame(&self, cx: &Context<'_>) {
        self.lock().wakers.set(Awaited::Frame, Some(cx));
    }
}
