//! What Linux tells of a process: its processor time and its memory.

use std::time::Instant;
use std::{fs, process};

use anyhow::{Context, bail};
use clap::Args;

/// Processes that are watched, if there are any to watch.
#[derive(Args, Clone, Debug)]
pub(crate) struct Watched {
    /// Process id of the server, whose processor time and memory are to be reported; several, with commas
    /// between them, are reported together
    #[arg(long = "pid", value_delimiter = ',')]
    pids: Vec<u32>,
}

impl Watched {
    pub(crate) const NOBODY: Self = Self { pids: Vec::new() };

    /// Returns this process.
    pub(crate) fn ourselves() -> Self {
        Self {
            pids: vec![process::id()],
        }
    }

    /// Looks at the clock and at the processes.
    pub(crate) fn look(&self) -> anyhow::Result<Look> {
        let mut cpu_seconds = self.read("stat", cpu_seconds)?;
        for (pid, seconds) in self.pids.iter().zip(&mut cpu_seconds) {
            if let Some(exact) = exact_cpu_seconds(*pid) {
                *seconds = exact;
            }
        }
        let memories = self.read("status", memory)?;
        let is_watching = !self.pids.is_empty();
        Ok(Look {
            at: Instant::now(),
            cpu_seconds: is_watching.then(|| cpu_seconds.iter().sum()),
            memory: is_watching.then(|| memories.iter().sum()),
            memories,
        })
    }

    fn read<T>(&self, file: &str, parse: fn(&str) -> Option<T>) -> anyhow::Result<Vec<T>> {
        let mut values = Vec::new();
        for pid in &self.pids {
            let path = format!("/proc/{pid}/{file}");
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            match parse(&text) {
                Some(value) => values.push(value),
                None => bail!("cannot understand {path}"),
            }
        }
        Ok(values)
    }
}

/// What was to be seen at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    at: Instant,
    cpu_seconds: Option<f64>,
    /// How many bytes of memory the processes occupy.
    pub(crate) memory: Option<u64>,
    /// Each of them.
    memories: Vec<u64>,
}

/// What has changed since an earlier look.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: Option<f64>,
    /// In bytes, and less than nothing if the processes gave some back.
    pub(crate) memory: Option<f64>,
    /// That of each process.
    pub(crate) memories: Vec<f64>,
}

impl Look {
    pub(crate) fn since(&self, earlier: &Self) -> Change {
        let cpu_seconds = self.cpu_seconds.zip(earlier.cpu_seconds);
        let memory = self.memory.zip(earlier.memory);
        let memories = self.memories.iter().zip(&earlier.memories);
        let grown = |(after, before): (u64, u64)| after as f64 - before as f64;
        Change {
            seconds: (self.at - earlier.at).as_secs_f64(),
            cpu_seconds: cpu_seconds.map(|(after, before)| after - before),
            memory: memory.map(grown),
            memories: memories
                .map(|(after, before)| grown((*after, *before)))
                .collect(),
        }
    }
}

/// Returns which processor cores this process may use, or none if that is not known.
pub(crate) fn cores() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "Cpus_allowed_list")
        .and_then(core_list)
        .unwrap_or_default()
}

/// Returns how many bytes of memory the machine has left, if that is known.
pub(crate) fn available_memory() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    kibibytes(field(&info, "MemAvailable")?)
}

/// The same as [`cpu_seconds`], but not in hundredths. Linux knows it of each thread that there is, and so
/// only of a process that has one.
fn exact_cpu_seconds(pid: u32) -> Option<f64> {
    if fs::read_dir(format!("/proc/{pid}/task")).ok()?.count() > 1 {
        return None;
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    let nanoseconds: u64 = stat.split_ascii_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

/// User and system time of all threads, from `/proc/PID/stat`.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // Linux counts in hundredths here, whatever its own clock is.
    const TICKS_PER_SECOND: f64 = 100.0;
    // The name stands in parentheses, and may have spaces and parentheses itself.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

/// Bytes of memory that are really there, from `/proc/PID/status`.
fn memory(status: &str) -> Option<u64> {
    kibibytes(field(status, "VmRSS")?)
}

/// Reads an amount such as `2048 kB`, and returns it in bytes.
fn kibibytes(amount: &str) -> Option<u64> {
    let kibibytes = amount.strip_suffix("kB")?.trim_end();
    Some(kibibytes.parse::<u64>().ok()? * 1024)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim())
}

/// Reads a list such as `0-2,5`.
fn core_list(list: &str) -> Option<Vec<u32>> {
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "42 (a) 9 (b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 4 0 123 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("42 (a) S 1"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t    2048 kB\nThreads:\t1\n";
        assert_eq!(memory(status), Some(2 * 1024 * 1024));
        assert_eq!(memory("Name:\tx\n"), None);
    }

    #[test]
    fn core_lists_have_ranges() {
        assert_eq!(core_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(core_list("3"), Some(vec![3]));
        assert_eq!(core_list(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_process_is_understood() {
        let own = Watched::ourselves();
        let look = own.look().unwrap();
        assert!(look.cpu_seconds.is_some());
        assert!(look.memory > Some(100_000));
        assert!(!cores().is_empty());
        assert!(available_memory() > Some(0));
    }
}
