//! Looks for what must not happen in the log of a run.

mod blame;
mod history;
mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

pub(crate) use self::blame::AFTERMATH;
use self::blame::{Blame, close_limit};
use self::history::{End, History};
use self::report::name;
use crate::log::{FaultKind, Leave, Record, SessionId};

/// What a log shows.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What must not happen, a line each.
    pub(crate) problems: Vec<String>,
    pub(crate) sessions: usize,
    pub(crate) lost_sessions: usize,
    lost_to: BTreeMap<&'static str, usize>,
    pub(crate) sent: usize,
    pub(crate) taken: usize,
    pub(crate) received: usize,
    pub(crate) doubled: usize,
    pub(crate) disordered: usize,
    /// Messages that were taken and never came back, though their session lived.
    pub(crate) lost: usize,
    /// Messages of others that were missed. They are delivered at most once.
    pub(crate) missed: usize,
    /// Attempts to open a session that failed while something was wrong.
    pub(crate) not_opened: usize,
    /// The longest times until clients heard that their sessions were lost.
    pub(crate) slowest_close: BTreeMap<&'static str, Duration>,
    pub(crate) faults: BTreeMap<&'static str, usize>,
}

/// Whether a message to many may be missed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Missing {
    /// Nobody may miss any.
    Forbidden,
    /// A cluster delivers them at most once.
    Allowed,
}

/// Checks a log.
pub(crate) fn check(record: &Record, missing: Missing) -> Verdict {
    let mut verdict = Verdict::default();
    for fault in &record.faults {
        *verdict.faults.entry(name(fault.kind)).or_default() += 1;
    }
    let mut histories: BTreeMap<SessionId, History> = BTreeMap::new();
    for event in &record.events {
        let history = histories.entry(event.session).or_default();
        history.add(event);
    }
    for (session, history) in &histories {
        verdict.messages(*session, history, missing);
        verdict.ending(*session, history, record);
    }
    verdict
}

impl Verdict {
    /// No duplicate, no disorder, no hole.
    fn messages(&mut self, session: SessionId, history: &History, missing: Missing) {
        self.sent += history.sent.len();
        self.taken += history.taken.len();
        self.received += history.received.len();
        let mut last: HashMap<SessionId, u64> = HashMap::new();
        let mut own = history.taken.iter().copied().peekable();
        for (at, from, number) in &history.received {
            let (at, from, number) = (*at, *from, *number);
            let before = last.get(&from).copied();
            if before == Some(number) {
                self.doubled += 1;
                self.problem(
                    session,
                    at,
                    history,
                    &format!("message {number} of {from} twice"),
                );
            } else if before.is_some_and(|before| before > number) {
                self.disordered += 1;
                let before = before.unwrap_or_default();
                let text = format!("message {number} of {from} after message {before}");
                self.problem(session, at, history, &text);
            }
            if before.is_none_or(|before| before < number) {
                last.insert(from, number);
            }
            if from != session {
                let skipped = before.map_or(0, |it| number.saturating_sub(it + 1));
                self.missed += skipped as usize;
                if skipped > 0 && missing == Missing::Forbidden {
                    let text = format!("{skipped} messages of {from} missed");
                    self.problem(session, at, history, &text);
                }
                continue;
            }
            if !history.sent.contains(&number) {
                let text = format!("message {number} was never sent");
                self.problem(session, at, history, &text);
            }
            while let Some(skipped) = own.next_if(|taken| *taken < number) {
                self.lost += 1;
                let text = format!("a hole: no message {skipped} before {number}");
                self.problem(session, at, history, &text);
            }
            let _ = own.next_if_eq(&number);
        }
        if let Some((at, End::Left(Leave::Unanswered))) = history.end {
            self.lost += own.count();
            let text = "messages were taken, but did not come back";
            self.problem(session, at, history, text);
        }
    }

    /// Every session that is lost has a reason, and its client hears of it in time.
    fn ending(&mut self, session: SessionId, history: &History, record: &Record) {
        if history.opened.len() > 1 {
            let at = history.opened[1].0;
            self.problem(session, at, history, "opened twice");
        }
        let Some((opened, owner)) = history.opened.first().copied() else {
            return self.opening(session, history, record);
        };
        self.sessions += 1;
        let Some((at, end)) = history.end else {
            return self.problem(session, opened, history, "neither closed nor left");
        };
        let blame = Blame {
            record,
            history,
            opened,
            owner,
            ended: at,
            end,
        };
        if !end.is_loss() {
            let limit = close_limit(FaultKind::Killed);
            if blame.killed().is_some_and(|killed| at > killed + limit) {
                self.problem(session, at, history, "outlived its owner");
            }
            return;
        }
        self.lost_sessions += 1;
        let Some(fault) = blame.find() else {
            let text = format!("lost without a reason: {end:?}");
            return self.problem(session, at, history, &text);
        };
        *self.lost_to.entry(name(fault.kind)).or_default() += 1;
        if matches!(fault.kind, FaultKind::Replaced { .. }) {
            return;
        }
        let late = at.saturating_sub(blame.audible_since(fault));
        let slowest = self.slowest_close.entry(name(fault.kind)).or_default();
        *slowest = late.max(*slowest);
        if late > close_limit(fault.kind) {
            let text = format!(
                "heard of its end only {late:.1?} after {}",
                name(fault.kind)
            );
            self.problem(session, at, history, &text);
        }
    }

    fn opening(&mut self, session: SessionId, history: &History, record: &Record) {
        let Some((at, End::NotOpened(trouble))) = history.end else {
            return;
        };
        self.not_opened += 1;
        let is_excused = record.faults.iter().any(|fault| {
            let may = match fault.kind {
                FaultKind::Killed | FaultKind::Hung => {
                    trouble.through.is_none() || trouble.through == fault.node
                }
                FaultKind::StoreAway => true,
                // An opening needs no other node, waits for the store, and is served by a node that drains.
                FaultKind::Paused
                | FaultKind::Cut
                | FaultKind::Stalled
                | FaultKind::StoreHiccup
                | FaultKind::Replaced { .. } => false,
            };
            may && fault.from <= at && at <= fault.until + AFTERMATH
        });
        if !is_excused {
            self.problem(session, at, history, "not opened, without a reason");
        }
    }

    fn problem(&mut self, session: SessionId, at: Duration, history: &History, what: &str) {
        let transport = history.transport;
        let owner = history.opened.first().map(|(_, owner)| *owner);
        let at = at.as_secs_f32();
        let text =
            format!("at {at:.2} s: session {session} ({transport}, owner {owner:?}): {what}");
        self.problems.push(text);
    }
}
