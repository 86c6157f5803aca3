//! What clients have done and seen, and what was done to the nodes.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tokio::time::Instant;

/// The log of a run. Clones are the same log.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    record: Mutex<Record>,
}

/// What a checker looks at. Times are since the start of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) events: Vec<Event>,
    pub(crate) faults: Vec<Fault>,
}

/// The number of a session.
pub(crate) type SessionId = usize;

/// The number of a node.
pub(crate) type NodeId = usize;

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) session: SessionId,
    pub(crate) kind: Kind,
}

/// What happened to a session, as its client sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The client begins, over a transport of that name.
    Began(&'static str),
    /// An open frame came from a node, which owns the session therefore.
    Opened(NodeId),
    /// The session could not be opened.
    NotOpened(Trouble),
    /// A receive request is sent.
    Asked,
    /// Its response has begun, through a node.
    Answered(Option<NodeId>),
    /// A receive request failed.
    NotReceived(Trouble),
    /// The message of that number is sent.
    Sent(u64),
    /// A node has taken the message.
    Taken(u64),
    /// The request with the message failed. The client sends nothing more, because nobody knows whether the
    /// message was taken.
    NotTaken(u64, Trouble),
    /// A message of a session, this one or another.
    Received { from: SessionId, number: u64 },
    /// A close frame came through a node.
    Closed { code: u16, through: Option<NodeId> },
    /// The client has gone, with no close frame.
    Left(Leave),
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Trouble {
    /// The status, if there was a response. A response with 200 broke off.
    pub(crate) status: Option<u16>,
    /// The node that was asked, where it is known.
    pub(crate) through: Option<NodeId>,
}

/// Why a client has gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leave {
    /// It has said and heard everything that it wanted.
    Satisfied,
    /// It has not got back all that was taken.
    Unanswered,
    /// A send request failed.
    CannotSend,
    /// The receive requests failed one after the other.
    CannotReceive,
}

/// What was done to a node.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// `None` for all nodes.
    pub(crate) node: Option<NodeId>,
    pub(crate) from: Duration,
    /// When it was over: the node runs again, the link is sound again.
    pub(crate) until: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FaultKind {
    /// The process was killed, and another one started.
    Killed,
    /// The process hung for so long that others give it up.
    Hung,
    /// The process hung, but came back in time.
    Paused,
    /// The way of other nodes to this one was cut.
    Cut,
    /// The way of other nodes to this one passed nothing, in one direction or both.
    Stalled,
    /// The store was away, or had lost its data, but not for long.
    StoreHiccup,
    /// The store was away for longer than clients wait.
    StoreAway,
    /// The process was told to end, and another one started. Its sessions go on until the grace is over.
    Replaced {
        /// The grace.
        grace: Duration,
    },
}

impl Log {
    pub(crate) fn start() -> Self {
        Self(Arc::new(Inner {
            start: Instant::now(),
            record: Mutex::default(),
        }))
    }

    /// Returns the time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    pub(crate) fn add(&self, session: SessionId, kind: Kind) {
        let at = self.now();
        let event = Event { at, session, kind };
        self.with(|record| record.events.push(event));
    }

    /// Adds a fault that began at `from`, and is over now.
    pub(crate) fn fault(&self, kind: FaultKind, node: Option<NodeId>, from: Duration) {
        let fault = Fault {
            kind,
            node,
            from,
            until: self.now(),
        };
        self.with(|record| record.faults.push(fault));
    }

    pub(crate) fn record(&self) -> Record {
        self.with(|record| record.clone())
    }

    /// Writes everything to a file, for whoever looks for the reason of a problem.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let record = self.record();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        // To compare with the logs of the nodes.
        let start = now.saturating_sub(self.now()).as_secs_f64();
        let mut text = format!("began {start:.3} s after 1970\n");
        for fault in record.faults {
            writeln!(text, "{fault:?}")?;
        }
        for Event { at, session, kind } in record.events {
            writeln!(text, "{:8.3} session {session}: {kind:?}", at.as_secs_f32())?;
        }
        Ok(fs::write(path, text)?)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Record) -> T) -> T {
        act(&mut self.0.record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
