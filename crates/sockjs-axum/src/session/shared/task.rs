//! The side of the session's task.

use std::task::Context;

use super::{Live, Shared};
use crate::session::holds::Hold;
use crate::session::wakers::Parking;

/// For the session's task.
impl Shared {
    /// Starts a run of the task. Until the task [parks](Self::park), nobody needs to wake it.
    pub(crate) fn hold(&self, cx: &Context<'_>) {
        let mut live = self.lock();
        live.clock = None;
        live.wakers.hold(cx);
    }

    /// Ends a run of the task, unless the task missed something.
    pub(crate) fn park(&self) -> Parking {
        let mut live = self.lock();
        if !live.is_abandoned {
            let Live {
                session, wakers, ..
            } = &mut *live;
            return wakers.park(session);
        }
        drop(live);
        self.close_abandoned();
        Parking::Missed
    }

    /// Reports that the handler has returned and was dropped. A session that nobody serves any more
    /// closes.
    pub(crate) fn handler_returned(&self) {
        self.release(Hold::Handler);
        self.close_abandoned();
    }

    /// Reports that the task is over, and with it the session.
    pub(crate) fn task_ended(&self) {
        self.release(Hold::Task);
    }

    pub(crate) fn handle_timeout(&self) {
        self.update(|live| {
            let now = live.read_clock();
            live.session.handle_timeout(now);
        });
    }
}
