use std::time::Duration;

use super::history::End;
use crate::log::{Fault, FaultKind, Leave, NodeId, Record, Trouble};

/// Looks for the fault that took a session.
pub(super) struct Blame<'a> {
    pub(super) record: &'a Record,
    pub(super) owner: NodeId,
    pub(super) opened: Duration,
    pub(super) transport: &'static str,
    /// When the client has sent its last message.
    pub(super) last_sent: Duration,
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

    /// Returns the fault that may have ended a session in this way.
    pub(super) fn find(
        &self,
        at: Duration,
        end: End,
        troubles: &[(Duration, Trouble)],
    ) -> Option<&Fault> {
        let faults = self.record.faults.iter();
        let fitting = faults.filter(|it| self.fits(it, at, end, troubles));
        // The latest is the likeliest.
        fitting.max_by_key(|it| it.from)
    }

    /// Returns since when a client could hear of a fault. `None` if that was only when it was over.
    pub(super) fn audible_since(
        &self,
        fault: &Fault,
        end: End,
        troubles: &[(Duration, Trouble)],
    ) -> Option<Duration> {
        let since = match end {
            End::Left(Leave::CannotSend) => fault.from.max(self.last_sent),
            _ => fault.from,
        };
        if fault.kind != FaultKind::Hung {
            return Some(since);
        }
        // The client waited for the node itself. Only the load balancer can break such a response.
        if matches!(end, End::Closed { through, .. } if through == fault.node) {
            return None;
        }
        let waited = troubles.iter().filter(|(_, it)| it.through == fault.node);
        Some(waited.map(|(at, _)| *at).fold(since, Duration::max))
    }

    fn fits(
        &self,
        fault: &Fault,
        at: Duration,
        end: End,
        troubles: &[(Duration, Trouble)],
    ) -> bool {
        if at < fault.from || self.opened > fault.until {
            return false;
        }
        let is_owner = fault.node == Some(self.owner);
        let is_websocket = self.transport == "websocket";
        // A response that the node was writing is lost, and with it the session.
        let is_on_the_way = troubles.iter().any(|(when, trouble)| {
            let is_then = *when >= fault.from && *when <= fault.until + AFTERMATH;
            is_then && (trouble.through.is_none() || trouble.through == fault.node)
        });
        match fault.kind {
            FaultKind::Paused | FaultKind::StoreHiccup => false,
            FaultKind::Killed => is_owner || (is_on_the_way && at <= fault.until + AFTERMATH),
            FaultKind::Hung => (is_owner || is_on_the_way) && at <= fault.until + WAKING,
            // Only what is relayed to the node.
            FaultKind::Cut | FaultKind::Stalled => {
                is_owner && !is_websocket && at <= fault.until + AFTERMATH
            }
            FaultKind::StoreAway => !is_websocket && at <= fault.until + AFTERMATH,
            FaultKind::Replaced { grace } => {
                is_owner
                    && at + TOLERANCE >= fault.from + grace
                    && matches!(end, End::Closed { code: 1001, .. } | End::Left(_))
            }
        }
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
