//! The measured values, and the tables that show them.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::rows::Row;
use super::work::Unit;
use crate::children::Server;
use crate::stats::{Spread, ratios};

/// The rows of the tables, as far as they are measured.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) servers: Vec<Server>,
    pub(super) rows: Vec<Measured>,
}

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) row: &'static Row,
    /// By server as in the table, and then by round. What failed is missing.
    pub(super) values: Vec<Vec<Option<f64>>>,
}

impl Table {
    pub(super) fn new(servers: Vec<Server>, rows: Vec<&'static Row>) -> Self {
        let measured = |row| Measured {
            row,
            values: vec![Vec::new(); servers.len()],
        };
        let rows = rows.into_iter().map(measured).collect();
        Self { servers, rows }
    }

    /// Returns the values of a row that a server has.
    fn values<'a>(&self, measured: &'a Measured, server: Server) -> &'a [Option<f64>] {
        let column = self.servers.iter().position(|other| *other == server);
        column.map_or(&[], |column| &measured.values[column])
    }

    /// Returns what `server` does of what the stack alone does, each round by itself. A round that lacks
    /// one of both has no ratio.
    pub(super) fn ratio(&self, measured: &Measured, server: Server) -> Option<Spread> {
        let stack = self.values(measured, Server::Stack).iter();
        let rounds = self.values(measured, server).iter().zip(stack);
        let (values, bases): (Vec<_>, Vec<_>) =
            rounds.filter_map(|(value, base)| value.zip(*base)).unzip();
        Spread::of(&ratios(&values, &bases))
    }

    /// Writes a table for each group of rows, with a heading where there are several.
    pub(super) fn to_markdown(&self) -> String {
        let groups: Vec<_> = self
            .rows
            .chunk_by(|one, other| one.row.group == other.row.group)
            .collect();
        let mut text = String::new();
        for group in &groups {
            if groups.len() > 1 {
                text += &format!("### {}\n\n", group[0].row.group);
            }
            self.write_group(group, &mut text);
            text += "\n";
        }
        text
    }

    /// Leaves out servers that have no value in any of the rows.
    fn write_group(&self, rows: &[Measured], text: &mut String) {
        let has_values = |column: &usize| {
            let mut cells = rows.iter().map(|measured| &measured.values[*column]);
            cells.any(|values| median(values).is_some())
        };
        let columns: Vec<_> = (0..self.servers.len()).filter(has_values).collect();
        *text += "| Work |";
        for column in &columns {
            *text += &format!(" {} |", self.servers[*column].title());
        }
        *text += " of the stack | to reach | |\n|---|";
        *text += &"---:|".repeat(columns.len());
        *text += "---|---|---|\n";
        for measured in rows {
            self.write_row(measured, &columns, text);
        }
    }

    fn write_row(&self, measured: &Measured, columns: &[usize], text: &mut String) {
        let Row {
            title, goal, work, ..
        } = measured.row;
        let unit = work.unit();
        *text += &format!("| {title} |");
        for column in columns {
            let median = median(&measured.values[*column]);
            let value = median.map_or_else(dash, |value| unit.show(value));
            *text += &format!(" {value} |");
        }
        let ratio = match unit {
            Unit::PerCpuSecond => self.ratio(measured, Server::Ours),
            Unit::Milliseconds | Unit::Bytes | Unit::Share => None,
        };
        let ours = median(self.values(measured, Server::Ours));
        let met = ours.and_then(|ours| goal.is_met(ours, ratio.map(|ratio| ratio.median)));
        let mark = match met {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "",
        };
        let ratio = ratio.map_or_else(dash, |ratio| ratio.to_string());
        writeln!(text, " {ratio} | {} | {mark} |", goal.show()).expect("a string takes everything");
    }

    pub(super) fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|measured| {
            let servers = self.servers.iter().zip(&measured.values);
            let values = servers.map(|(server, values)| (name(server), json!(values)));
            json!({
                "row": measured.row.id,
                "values": values.collect::<serde_json::Map<_, _>>(),
                "of_stack": self.ratio(measured, Server::Ours),
            })
        });
        rows.collect()
    }
}

fn median(values: &[Option<f64>]) -> Option<f64> {
    let values: Vec<_> = values.iter().flatten().copied().collect();
    Spread::of(&values).map(|spread| spread.median)
}

fn name(server: &impl Serialize) -> String {
    match serde_json::to_value(server) {
        Ok(Value::String(name)) => name,
        _ => unreachable!("a server serializes as its name"),
    }
}

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    fn table(row: &str) -> Table {
        let row = ROWS.iter().find(|other| other.id == row).unwrap();
        Table::new(vec![Server::Node, Server::Stack, Server::Ours], vec![row])
    }

    fn lines(table: &Table) -> Vec<String> {
        table.to_markdown().lines().map(str::to_owned).collect()
    }

    #[test]
    fn row_has_medians_and_the_ratio_of_each_round() {
        let mut table = table("websocket");
        // The machine was slow in the second round, for all, and in the fourth the stack failed.
        table.rows[0].values = vec![
            vec![Some(70_000.0)],
            vec![Some(200_000.0), Some(100_000.0), Some(210_000.0), None],
            vec![
                Some(190_000.0),
                Some(96_000.0),
                Some(200_000.0),
                Some(180_000.0),
            ],
        ];
        assert_eq!(
            lines(&table)[2],
            "| websocket, 1 in flight | 70 k | 200 k | 185 k | 0.95 (0.95–0.96) | ≥ 1.00 | ✗ |"
        );
    }

    #[test]
    fn server_without_values_has_no_column() {
        let mut table = table("memory-websocket");
        table.rows[0].values = vec![vec![None], vec![Some(5_800.0)], vec![Some(2_200.0)]];
        assert_eq!(
            lines(&table),
            [
                "| Work | the stack alone | sockjs-axum | of the stack | to reach | |",
                "|---|---:|---:|---|---|---|",
                "| memory, idle websocket | 5.8 kB | 2.2 kB | – | ≤ 2.3 kB | ✓ |",
                "",
            ]
        );
    }

    #[test]
    fn groups_have_headings_and_as_many_columns_in_every_line() {
        let mut table = Table::new(vec![Server::Stack, Server::Ours], ROWS.iter().collect());
        for measured in &mut table.rows {
            measured.values[1].push(Some(1.0));
        }
        let text = table.to_markdown();
        assert!(
            text.starts_with("### Echoes\n\n| Work | sockjs-axum |"),
            "{text}"
        );
        let columns = |line: &str| line.matches('|').count();
        assert!(
            text.lines().all(|line| [0, 6].contains(&columns(line))),
            "{text}"
        );
    }
}
