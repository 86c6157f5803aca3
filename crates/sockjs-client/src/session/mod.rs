mod receiver;
mod sender;

use std::sync::Arc;
use std::time::Duration;

use sockjs_core::{CloseReason, Transport};
use tokio::sync::watch;
use tokio::time::timeout;

pub use self::receiver::Receiver;
pub use self::sender::Sender;
use crate::connect::Opened;
use crate::driver::Driver;
use crate::error::abnormal;
use crate::queue::queue;
use crate::task::Task;

/// What both halves of a client know. The task ends with the last of them.
#[derive(Debug)]
struct Session {
    transport: Transport,
    closed: watch::Receiver<Option<CloseReason>>,
    task: Task,
}

impl Session {
    async fn closed(&self) -> CloseReason {
        let mut closed = self.closed.clone();
        // The task may have been aborted.
        let _ = closed.wait_for(Option::is_some).await;
        reason(&closed)
    }

    /// Waits for the end of the task, which sends what is queued before it closes.
    async fn finished(&self) -> CloseReason {
        let mut closed = self.closed.clone();
        let task_ends = async { while closed.changed().await.is_ok() {} };
        if timeout(CLOSE_TIMEOUT, task_ends).await.is_err() {
            self.task.abort();
        }
        reason(&closed)
    }
}

/// Starts the task of an open session.
pub(crate) fn start(
    opened: Opened,
    send_buffer: usize,
    receive_buffer: usize,
) -> (Sender, Receiver) {
    let (send, commands) = queue(send_buffer);
    let (received, receive) = queue(receive_buffer);
    let (closed_by_driver, closed) = watch::channel(None);
    let driver = Driver {
        outgoing: opened.outgoing,
        incoming: opened.incoming,
        commands,
        received,
        closed: closed_by_driver,
    };
    let session = Arc::new(Session {
        transport: opened.transport,
        closed,
        task: Task::spawn(driver.run()),
    });
    (
        Sender::new(send, session.clone()),
        Receiver::new(receive, session),
    )
}

fn reason(closed: &watch::Receiver<Option<CloseReason>>) -> CloseReason {
    let reason = closed.borrow().clone();
    reason.unwrap_or_else(|| abnormal("The client gave up"))
}

const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
