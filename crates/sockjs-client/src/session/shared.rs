use std::time::Duration;

use sockjs_core::{CloseReason, Transport};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::error::abnormal;
use crate::task::Task;

/// What both halves of a client know. The task ends with the last of them.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) transport: Transport,
    pub(super) closed: watch::Receiver<Option<CloseReason>>,
    pub(super) task: Task,
}

impl Session {
    pub(super) async fn closed(&self) -> CloseReason {
        let mut closed = self.closed.clone();
        // The task may have been aborted.
        let _ = closed.wait_for(Option::is_some).await;
        reason(&closed)
    }

    /// Waits for the end of the task, which sends what is queued before it closes.
    pub(super) async fn finished(&self) -> CloseReason {
        let mut closed = self.closed.clone();
        let task_ends = async { while closed.changed().await.is_ok() {} };
        if timeout(CLOSE_TIMEOUT, task_ends).await.is_err() {
            self.task.abort();
        }
        reason(&closed)
    }
}

fn reason(closed: &watch::Receiver<Option<CloseReason>>) -> CloseReason {
    let reason = closed.borrow().clone();
    reason.unwrap_or_else(|| abnormal("The client gave up"))
}

const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
