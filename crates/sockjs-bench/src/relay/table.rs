//! The measured values, and the table that shows them.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::rows::{Job, Row};
use super::run::Idle;
use crate::report::{bytes, thousands};
use crate::stats::{Spread, ratios};

/// The values that were measured so far.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<&'static Row>,
    /// By round. What failed is missing.
    values: HashMap<Job, Vec<Option<f64>>>,
    streams: usize,
    idle: Option<Idle>,
}

impl Table {
    pub(super) fn new(rows: Vec<&'static Row>, streams: usize) -> Self {
        Self {
            rows,
            values: HashMap::new(),
            streams,
            idle: None,
        }
    }

    /// Adds the value of a round.
    pub(super) fn push(&mut self, job: Job, value: Option<f64>) {
        self.values.entry(job).or_default().push(value);
    }

    pub(super) fn set_idle(&mut self, idle: Idle) {
        self.idle = Some(idle);
    }

    fn values(&self, job: Job) -> &[Option<f64>] {
        self.values.get(&job).map_or(&[], Vec::as_slice)
    }

    fn median(&self, job: Job) -> Option<f64> {
        let values: Vec<_> = self.values(job).iter().flatten().copied().collect();
        Spread::of(&values).map(|spread| spread.median)
    }

    /// Returns what the job of a row does of its base, each round by itself.
    fn ratio(&self, row: &Row) -> Option<Spread> {
        let rounds = self.values(row.job).iter().zip(self.values(row.base));
        let (values, bases): (Vec<_>, Vec<_>) =
            rounds.filter_map(|(value, base)| value.zip(*base)).unzip();
        Spread::of(&ratios(&values, &bases))
    }

    pub(super) fn to_markdown(&self) -> String {
        let mut text = HEAD.to_owned();
        for row in &self.rows {
            let value = self.median(row.job).map_or_else(dash, thousands);
            let base = self.median(row.base).map_or_else(dash, thousands);
            let ratio = self.ratio(row);
            let goal = row.goal.map_or_else(dash, |goal| format!("≥ {goal:.2}"));
            let reached = row.goal.zip(ratio);
            let mark = reached.map_or("", |(goal, ratio)| mark(ratio.median >= goal));
            let ratio = ratio.map_or_else(dash, |ratio| ratio.to_string());
            writeln!(
                text,
                "| {} | {value} | {} | {base} | {ratio} | {goal} | {mark} |",
                row.title, row.base_title
            )
            .expect("a string takes everything");
        }
        if let Some(idle) = &self.idle {
            self.write_idle(idle, &mut text);
        }
        text
    }

    fn write_idle(&self, idle: &Idle, text: &mut String) {
        let streams = self.streams;
        let mut line = |title: &str, value: &str, goal: &str, mark: &str| {
            writeln!(text, "| {title} | {value} | – | – | – | {goal} | {mark} |")
                .expect("a string takes everything");
        };
        if let Some(share) = idle.share() {
            line(
                &format!("CPU of {streams} idle relayed streams, both nodes"),
                &format!("{:.2} %", share * 100.0),
                &format!("≤ {:.0} %", MOST_IDLE * 100.0),
                mark(share <= MOST_IDLE),
            );
        }
        match idle.memory[..] {
            [owner, relay] => {
                line(
                    "memory of an idle relayed stream, at its owner",
                    &bytes(owner),
                    "–",
                    "",
                );
                line(
                    "memory of an idle relayed stream, at the other node",
                    &bytes(relay),
                    "–",
                    "",
                );
            }
            [both] => line(
                "memory of an idle relayed stream, both nodes",
                &bytes(both),
                "–",
                "",
            ),
            _ => {}
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "row": row.title,
                "values": self.values(row.job),
                "base": self.values(row.base),
                "ratio": self.ratio(row),
            })
        });
        let idle = self.idle.as_ref();
        json!({
            "rows": rows.collect::<Value>(),
            "idle": idle.map(|idle| json!({ "cpu_share": idle.share(), "memory": idle.memory })),
        })
    }
}

fn mark(is_met: bool) -> &'static str {
    if is_met { "✓" } else { "✗" }
}

fn dash() -> String {
    "–".to_owned()
}

const HEAD: &str = "\
| Work | | compared with | | ratio | to reach | |
|---|---:|---|---:|---|---|---|
";

/// What idle streams may take of a core.
const MOST_IDLE: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    #[test]
    fn row_has_medians_and_the_ratio_of_each_round() {
        let mut table = Table::new(ROWS.iter().collect(), 10);
        let row = &ROWS[0];
        for (value, base) in [(30.0, 100.0), (15.0, 50.0), (40.0, 100.0)] {
            table.push(row.job, Some(value));
            table.push(row.base, Some(base));
        }
        table.push(row.job, None);
        table.push(row.base, Some(1.0));
        let text = table.to_markdown();
        let line = text.lines().nth(2).unwrap();
        assert_eq!(
            line,
            "| xhr polling echo, relayed | 30 | at the owner | 75 | 0.30 (0.30–0.40) | ≥ 0.30 | ✓ |"
        );
    }

    #[test]
    fn every_line_has_as_many_columns() {
        let mut table = Table::new(ROWS.iter().collect(), 10);
        let idle = json!({ "held": { "cpu_share": 0.06 }, "memory_by_process": [1.0, 2.0] });
        table.set_idle(serde_json::from_value(idle).unwrap());
        let text = table.to_markdown();
        let columns = |line: &str| line.matches('|').count();
        assert!(text.lines().all(|line| columns(line) == 8), "{text}");
        assert!(
            text.contains("| 6.00 % | – | – | – | ≤ 5 % | ✗ |"),
            "{text}"
        );
    }
}
