mod receiver;
mod sender;
mod shared;

use std::sync::Arc;

use tokio::sync::watch;

pub use self::receiver::Receiver;
pub use self::sender::Sender;
use self::shared::Session;
use crate::connect::Opened;
use crate::driver::Driver;
use crate::queue::queue;
use crate::task::Task;

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
