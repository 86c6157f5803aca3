use std::time::Duration;

use super::history::{Answer, End, History};
use crate::log::{Fault, FaultKind, Leave, NodeId, Record};

/// Looks for the fault that took a session.
pub(super) struct Blame<'a> {
    pub(super) record: &'a Record,
    pub(super) history: &'a History,
    pub(super) opened: Duration,
    pub(super) owner: NodeId,
    pub(super) ended: Duration,
    pub(super) end: End,
}

impl Blame<'_> {
    /// Returns when the owner was killed, if it was.
    pub(super) fn killed(&self) -> Option<Duration> {
        let mut faults = self.record.faults.iter();
        let killed = faults.find(|it| {
            it.kind == FaultKind::Killed && it.node == Some(self.owner) && it.from >= self.opened
        });
        killed.map(|it| it.from)
    }

    /// Returns the fault that may have ended the session.
    pub(super) fn find(&self) -> Option<&Fault> {
        let fitting = self.record.faults.iter().filter(|it| self.fits(it));
        // The latest is the likeliest.
        fitting.max_by_key(|it| it.from)
    }

    /// Returns since when the client could hear of a fault.
    pub(super) fn audible_since(&self, fault: &Fault) -> Duration {
        let since = match self.end {
            End::Left(Leave::CannotSend) => fault.from.max(self.history.last_sent),
            _ => fault.from,
        };
        if fault.kind != FaultKind::Hung {
            return since;
        }
        // The client waited for the node itself. Only the load balancer can break such a response.
        let troubles = self.history.troubles.iter();
        let sent = troubles.filter(|(_, it)| it.through == fault.node);
        let waited = sent.map(|(at, _)| *at).chain(self.waited_for(fault));
        waited.fold(since, Duration::max)
    }

    fn fits(&self, fault: &Fault) -> bool {
        let (at, until) = (self.ended, fault.until);
        if at < fault.from || self.opened > until {
            return false;
        }
        let is_owner = fault.node == Some(self.owner);
        let is_websocket = self.history.transport == "websocket";
        match fault.kind {
            FaultKind::Paused | FaultKind::StoreHiccup => false,
            FaultKind::Killed if is_owner => {
                matches!(self.end, End::Closed { code: 1001, .. } | End::Left(_))
            }
            FaultKind::Killed => self.is_on_the_way(fault) && at <= until + AFTERMATH,
            FaultKind::Hung => (is_owner || self.is_on_the_way(fault)) && at <= until + WAKING,
            // Only what is relayed to the node.
            FaultKind::Cut | FaultKind::Stalled => {
                is_owner && !is_websocket && at <= until + AFTERMATH
            }
            FaultKind::StoreAway => !is_websocket && at <= until + AFTERMATH,
            FaultKind::Replaced { grace } => {
                is_owner
                    && at + TOLERANCE >= fault.from + grace
                    && matches!(self.end, End::Closed { code: 1001, .. } | End::Left(_))
            }
        }
    }

    /// Returns whether a request or its response was in the node's hands: the session is lost with it.
    fn is_on_the_way(&self, fault: &Fault) -> bool {
        let is_lost = self.history.troubles.iter().any(|(at, trouble)| {
            let is_then = *at >= fault.from && *at <= fault.until + AFTERMATH;
            // A node that answers that there is no such session has not lost the request.
            let is_answered = trouble.status == Some(404);
            is_then && !is_answered && (trouble.through.is_none() || trouble.through == fault.node)
        });
        is_lost || self.waited_for(fault).next().is_some()
    }

    /// Returns when the receive requests were over that the node had during the fault.
    fn waited_for(&self, fault: &Fault) -> impl Iterator<Item = Duration> {
        let asked = &self.history.asked;
        let ends = asked.iter().skip(1).map(|it| it.at).chain([self.ended]);
        let asked = asked.iter().zip(ends).filter(|(asked, end)| {
            let is_there = match asked.answer {
                Answer::Through(through) => through == fault.node,
                // Every other node answers in that time, because the session is over by then.
                Answer::Pending => fault.kind == FaultKind::Hung && *end >= asked.at + SILENCE,
            };
            is_there && asked.at <= fault.until && *end >= fault.from
        });
        asked.map(|(_, end)| end)
    }
}

/// How long a client may take to hear that its session is lost.
pub(super) fn close_limit(kind: FaultKind) -> Duration {
    Duration::from_secs(match kind {
        FaultKind::Killed => 5,
        _ => 15,
    })
}

/// How long after a fault sessions may still end because of it: a disconnect delay, and two seconds for
/// the client to hear of it. The next fault comes later, so that it is not blamed on this one.
pub(crate) const AFTERMATH: Duration = Duration::from_secs(7);

/// The same for a node that wakes up.
const WAKING: Duration = Duration::from_secs(20);

/// How long a request for a session that is over waits at most, if no node hangs.
const SILENCE: Duration = Duration::from_secs(10);

/// Clients and the harness look at the clock at different moments.
const TOLERANCE: Duration = Duration::from_millis(300);
