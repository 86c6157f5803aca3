use std::time::Duration;

use super::history::{End, History};
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

    /// Returns since when the client could hear of a fault. `None` if that was only when it was over.
    pub(super) fn audible_since(&self, fault: &Fault) -> Option<Duration> {
        let since = match self.end {
            End::Left(Leave::CannotSend) => fault.from.max(self.history.last_sent),
            _ => fault.from,
        };
        if fault.kind != FaultKind::Hung {
            return Some(since);
        }
        // The client waited for the node itself. Only the load balancer can break such a response.
        if self.is_answered_late(fault) {
            return None;
        }
        let troubles = self.history.troubles.iter();
        let waited = troubles.filter(|(_, it)| it.through == fault.node);
        Some(waited.map(|(at, _)| *at).fold(since, Duration::max))
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
            FaultKind::Killed => is_owner || self.is_on_the_way(fault) && at <= until + AFTERMATH,
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
            is_then && (trouble.through.is_none() || trouble.through == fault.node)
        });
        is_lost || fault.kind == FaultKind::Hung && self.is_answered_late(fault)
    }

    /// Returns whether the close frame is the node's answer to a request that had waited for it to wake up.
    fn is_answered_late(&self, fault: &Fault) -> bool {
        matches!(self.end, End::Closed { through, .. } if through == fault.node)
            && self.history.last_asked <= fault.until
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

/// Clients and the harness look at the clock at different moments.
const TOLERANCE: Duration = Duration::from_millis(300);
