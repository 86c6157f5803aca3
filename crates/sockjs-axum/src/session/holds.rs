use crate::sync::{AtomicUsize, Ordering};

/// What keeps a session open.
///
/// All counts are in one word, so that exactly one of those who let go learns that nothing keeps
/// the session open any more.
#[derive(Debug)]
pub(super) struct Holds(AtomicUsize);

/// One of those who may keep a session open.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hold {
    /// The handler, which has not returned.
    Handler,
    /// The session's task. It does not keep the session open, because it is over after the session.
    Task,
    /// A `Session` or a `Receiver`.
    Receiver,
    /// A `Sender`. A `Session` contains one.
    Sender,
}

/// What changed when somebody let go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    /// Nothing that the session must know.
    Others,
    /// The session stays open, but nobody can receive messages any more.
    NoReceiver,
    /// Nothing keeps the session open any more.
    Nobody,
}

const HANDLER: usize = 1;
/// There are two for a moment, while a session is split.
const RECEIVER: usize = 2;
const RECEIVERS: usize = 3 * RECEIVER;
const TASK: usize = 8;
const SENDER: usize = 16;

impl Holds {
    /// The handler is about to run, in the session's task.
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(HANDLER | TASK))
    }

    pub(super) fn add(&self, hold: Hold) {
        self.0.fetch_add(hold.weight(), Ordering::Relaxed);
    }

    pub(super) fn release(&self, hold: Hold) -> Left {
        let before = self.0.fetch_sub(hold.weight(), Ordering::AcqRel);
        let after = before - hold.weight();
        if is_held(before) && !is_held(after) {
            Left::Nobody
        } else if before & RECEIVERS != 0 && after & RECEIVERS == 0 && is_held(after) {
            Left::NoReceiver
        } else {
            Left::Others
        }
    }

    /// Returns whether the session's task is over, and nobody can receive messages any more. A session
    /// that is abandoned stays so.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Acquire) & (TASK | RECEIVERS) == 0
    }
}

/// A `Sender` counts only while the handler runs, because a room that keeps the senders of its
/// members must not keep sessions open that nobody serves.
fn is_held(holds: usize) -> bool {
    holds & RECEIVERS != 0 || (holds & HANDLER != 0 && holds >= SENDER)
}

impl Hold {
    fn weight(self) -> usize {
        match self {
            Self::Handler => HANDLER,
            Self::Task => TASK,
            Self::Receiver => RECEIVER,
            Self::Sender => SENDER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Hold::{Handler, Receiver, Sender, Task};
    use super::*;

    /// Releases these in this order, of a session with two senders.
    fn release(holds: &[Hold]) -> Vec<Left> {
        let all = Holds::new();
        for hold in [Receiver, Sender, Sender] {
            all.add(hold);
        }
        holds.iter().map(|&hold| all.release(hold)).collect()
    }

    #[test]
    fn the_last_handle_closes_the_session() {
        use Left::{NoReceiver, Nobody, Others};
        for (order, left) in [
            (
                [Sender, Sender, Receiver, Handler],
                [Others, Others, Nobody, Others],
            ),
            (
                [Sender, Receiver, Sender, Handler],
                [Others, NoReceiver, Nobody, Others],
            ),
            (
                [Sender, Receiver, Handler, Sender],
                [Others, NoReceiver, Nobody, Others],
            ),
            (
                [Receiver, Sender, Sender, Handler],
                [NoReceiver, Others, Nobody, Others],
            ),
            (
                [Receiver, Handler, Sender, Sender],
                [NoReceiver, Nobody, Others, Others],
            ),
            (
                [Handler, Receiver, Sender, Sender],
                [Others, Nobody, Others, Others],
            ),
            (
                [Handler, Sender, Sender, Receiver],
                [Others, Others, Others, Nobody],
            ),
        ] {
            assert_eq!(release(&order), left, "{order:?}");
        }
    }

    #[test]
    fn a_session_is_abandoned_when_its_task_is_over_and_its_receiver_is_dropped() {
        for (first, second) in [(Task, Receiver), (Receiver, Task)] {
            let all = Holds::new();
            all.add(Receiver);
            all.add(Sender);
            all.release(Handler);
            all.release(first);
            assert!(!all.is_abandoned());
            all.release(second);
            assert!(all.is_abandoned());
        }
    }
}
