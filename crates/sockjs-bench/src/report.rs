//! How results are printed.

use std::fmt::Display;

use clap::Args;
use serde::Serialize;

use crate::process::Change;

/// How results are to be printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Output {
    pub(crate) fn print(self, report: &(impl Serialize + Display)) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(report)?);
        } else {
            println!("{report}");
        }
        Ok(())
    }
}

/// So much work in so much time, and at what cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Throughput {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    /// The processor time the server took for it.
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) per_cpu_second: Option<f64>,
}

impl Throughput {
    pub(crate) fn new(count: u64, change: Change) -> Self {
        let Change {
            seconds,
            cpu_seconds,
            ..
        } = change;
        Self {
            count,
            seconds,
            per_second: count as f64 / seconds,
            cpu_seconds,
            per_cpu_second: cpu_seconds
                .filter(|cpu_seconds| *cpu_seconds > 0.0)
                .map(|cpu_seconds| count as f64 / cpu_seconds),
        }
    }

    pub(crate) fn describe(&self, what: &str) -> String {
        let Self {
            count,
            seconds,
            per_second,
            ..
        } = self;
        let mut text = format!("{count} {what} in {seconds:.2} s: {per_second:.0}/s");
        if let (Some(cpu_seconds), Some(per_cpu_second)) = (self.cpu_seconds, self.per_cpu_second) {
            text += &format!("; {cpu_seconds:.2} s of CPU: {per_cpu_second:.0} a CPU second");
        }
        text
    }
}

/// Writes a number such as 254 k.
pub(crate) fn thousands(number: f64) -> String {
    let thousands = number / 1000.0;
    match thousands {
        ..1.0 => format!("{number:.0}"),
        ..10.0 => format!("{thousands:.1} k"),
        ..1000.0 => format!("{thousands:.0} k"),
        _ => {
            let thousands = thousands.round() as u64;
            format!("{},{:03} k", thousands / 1000, thousands % 1000)
        }
    }
}

/// Writes an amount of memory such as 5.8 kB.
pub(crate) fn bytes(bytes: f64) -> String {
    format!("{:.1} kB", bytes / 1000.0)
}

/// Writes a time such as 38 µs or 1.2 ms.
pub(crate) fn microseconds(time: f64) -> String {
    match time {
        ..10.0 => format!("{time:.1} µs"),
        ..1000.0 => format!("{time:.0} µs"),
        _ => format!("{:.1} ms", time / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_so() {
        assert_eq!(thousands(340.2), "340");
        assert_eq!(thousands(4_800.0), "4.8 k");
        assert_eq!(thousands(254_400.0), "254 k");
        assert_eq!(thousands(2_640_000.0), "2,640 k");
        assert_eq!(thousands(1_000_400.0), "1,000 k");
        assert_eq!(microseconds(4.21), "4.2 µs");
        assert_eq!(microseconds(38.2), "38 µs");
        assert_eq!(microseconds(1_240.0), "1.2 ms");
        assert_eq!(bytes(1_234.0), "1.2 kB");
    }
}
