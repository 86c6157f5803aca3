//! Where the measurements were made.

use std::fs;
use std::thread;

/// Returns the processor and the system, as far as they are known.
pub(crate) fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let (name, model) = line.split_once(':')?;
        (name.trim_end() == "model name").then(|| model.trim())
    });
    let model = model.unwrap_or("an unknown processor");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!("on {cores} cores of {model}, {}", std::env::consts::OS)
}
