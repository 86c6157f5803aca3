//! What was measured, and how it reads.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::rows::{Row, Unit};
use crate::children::Server;
use crate::stats::{Spread, ratios};

/// The rows of the table, as far as they are measured.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) servers: Vec<Server>,
    pub(super) rows: Vec<Measured>,
}

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) row: &'static Row,
    /// By server as in the table, and then by round.
    pub(super) values: Vec<Vec<f64>>,
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
    pub(super) fn values<'a>(&self, measured: &'a Measured, server: Server) -> &'a [f64] {
        let column = self.servers.iter().position(|other| *other == server);
        column.map_or(&[], |column| &measured.values[column])
    }

    /// Returns what `server` does of what the stack alone does, each round by itself.
    pub(super) fn ratio(&self, measured: &Measured, server: Server) -> Option<Spread> {
        let values = self.values(measured, server);
        Spread::of(&ratios(values, self.values(measured, Server::Stack)))
    }

    pub(super) fn to_markdown(&self) -> String {
        let mut text = "| Work |".to_owned();
        for server in &self.servers {
            text += &format!(" {} |", server.title());
        }
        text += " of the stack | to reach | |\n|---|";
        text += &"---:|".repeat(self.servers.len());
        text += "---|---|---|\n";
        for measured in &self.rows {
            self.write_row(measured, &mut text);
        }
        text
    }

    fn write_row(&self, measured: &Measured, text: &mut String) {
        let Row {
            title,
            goal,
            work: _,
            ..
        } = measured.row;
        let unit = measured.row.unit();
        *text += &format!("| {title} |");
        for values in &measured.values {
            let value = Spread::of(values).map_or_else(dash, |spread| unit.show(spread.median));
            *text += &format!(" {value} |");
        }
        let ratio = match unit {
            Unit::PerCpuSecond => self.ratio(measured, Server::Ours),
            Unit::Bytes | Unit::Share => None,
        };
        let median = |server| Spread::of(self.values(measured, server)).map(|values| values.median);
        let met = median(Server::Ours).and_then(|ours| {
            goal.is_met(ours, median(Server::Stack), ratio.map(|ratio| ratio.median))
        });
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

    #[test]
    fn row_has_medians_and_the_ratio_of_each_round() {
        let mut table = table("websocket");
        // The machine was slow in the second round, for all.
        table.rows[0].values = vec![
            vec![],
            vec![200_000.0, 100_000.0, 210_000.0],
            vec![190_000.0, 96_000.0, 200_000.0],
        ];
        let text = table.to_markdown();
        let row = text.lines().last().unwrap();
        assert_eq!(
            row,
            "| websocket echo, 1 in flight | – | 200 k | 190 k | 0.95 (0.95–0.96) | ≥ 0.90 | ✓ |"
        );
    }

    #[test]
    fn missed_goal_is_marked() {
        let mut table = table("memory-websocket");
        table.rows[0].values = vec![vec![16_500.0], vec![5_800.0], vec![9_000.0]];
        assert!(table.to_markdown().ends_with("| ≤ 8.0 kB | ✗ |\n"));
    }

    #[test]
    fn every_line_has_as_many_columns() {
        let table = Table::new(vec![Server::Stack, Server::Ours], ROWS.iter().collect());
        let text = table.to_markdown();
        let columns: Vec<_> = text.lines().map(|line| line.matches('|').count()).collect();
        assert!(columns.iter().all(|count| *count == columns[0]), "{text}");
    }
}
