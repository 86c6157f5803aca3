use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

/// Reads the lines of the input, without their ends.
///
/// Nothing can interrupt a thread that reads, so it is not one that the runtime would wait for.
pub(crate) fn lines() -> mpsc::Receiver<io::Result<String>> {
    let (lines, read) = mpsc::channel(1);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let line = next_line(&mut input).transpose();
            let Some(line) = line else { break };
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    read
}

fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_several_ways() {
        let mut input = &b"one\ntwo\r\n\nbad \xff\nlast"[..];
        for line in ["one", "two", "", "bad \u{fffd}", "last"] {
            assert_eq!(next_line(&mut input).unwrap().as_deref(), Some(line));
        }
        assert_eq!(next_line(&mut input).unwrap(), None);
    }
}
