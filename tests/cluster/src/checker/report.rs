use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Verdict;
use crate::log::FaultKind;

/// The summary of a run.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.problems.iter().take(MOST_PROBLEMS) {
            writeln!(f, "  PROBLEM {problem}")?;
        }
        if self.problems.len() > MOST_PROBLEMS {
            writeln!(f, "  and {} more", self.problems.len() - MOST_PROBLEMS)?;
        }
        let Self {
            sent,
            taken,
            received,
            missed,
            ..
        } = self;
        writeln!(
            f,
            "  messages: {sent} sent, {taken} taken, {received} received"
        )?;
        let Self {
            lost,
            doubled,
            disordered,
            ..
        } = self;
        writeln!(
            f,
            "  {lost} lost, {doubled} doubled, {disordered} out of order; {missed} of others missed"
        )?;
        let Self {
            sessions,
            lost_sessions,
            not_opened,
            ..
        } = self;
        writeln!(
            f,
            "  sessions: {sessions} opened, {lost_sessions} lost; {not_opened} not opened"
        )?;
        writeln!(f, "  lost to: {}", list(&self.lost_to, usize::to_string))?;
        writeln!(f, "  faults: {}", list(&self.faults, usize::to_string))?;
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f32());
        write!(f, "  slowest close: {}", list(&self.slowest_close, seconds))
    }
}

fn list<T>(map: &BTreeMap<&str, T>, show: impl Fn(&T) -> String) -> String {
    let entries: Vec<_> = map
        .iter()
        .map(|(name, it)| format!("{name} {}", show(it)))
        .collect();
    if entries.is_empty() {
        "none".to_owned()
    } else {
        entries.join(", ")
    }
}

pub(super) fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Killed => "killed",
        FaultKind::Hung => "hung",
        FaultKind::Paused => "paused",
        FaultKind::Cut => "cut",
        FaultKind::Stalled => "stalled",
        FaultKind::StoreHiccup => "store hiccup",
        FaultKind::StoreAway => "store away",
        FaultKind::Replaced { .. } => "replaced",
    }
}

const MOST_PROBLEMS: usize = 40;
