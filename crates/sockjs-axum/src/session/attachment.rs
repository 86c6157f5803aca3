use std::sync::Arc;
use std::task::{Context, Poll};

use sockjs_core::{Ending, Frame};

use crate::session::driver::Driver;

/// A receiver's hold on its session. Dropping it before the response is complete tells the session
/// that its client is gone.
#[derive(Debug)]
pub(crate) struct Attachment {
    driver: Option<Arc<Driver>>,
}

impl Attachment {
    pub(crate) fn new(driver: Arc<Driver>) -> Self {
        Self {
            driver: Some(driver),
        }
    }

    /// Takes the next frame; `None` once there will be none. What is taken counts as written.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let Some(driver) = &self.driver else {
            return Poll::Ready(None);
        };
        driver.poll_frame_written(cx)
    }

    /// Lets go of the session: the response is complete, and the client will ask again.
    ///
    /// To be called before the last bytes are handed over, or the client's next request could
    /// arrive while this one still counts.
    pub(crate) fn complete(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.detach();
        }
    }

    /// Returns how the session ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.driver.as_ref().and_then(|driver| driver.ending())
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.handle_lost();
        }
    }
}
