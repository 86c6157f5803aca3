//! Processes that are waited for, but not for ever.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::target::Scheme;

/// A server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    addresses: Vec<String>,
}

impl Running {
    /// Starts a server, and waits until it says where it listens.
    pub(super) fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut running = Self {
            child,
            addresses: Vec::new(),
        };
        let output = running.child.stdout.take().context("it has no output")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            // Nobody may wait any more.
            let _ = sender.send(read.map(|_| line));
        });
        let Ok(line) = receiver.recv_timeout(TO_START) else {
            bail!("it says nothing for {} s", TO_START.as_secs());
        };
        let line = line?;
        let addresses = line.trim_end().strip_prefix("listening on ");
        let addresses = addresses.context("it does not say where it listens")?;
        running.addresses = addresses.split(' ').map(str::to_owned).collect();
        Ok(running)
    }

    pub(crate) fn url(&self, scheme: Scheme, mount: &str) -> String {
        format!("{}://{}/{mount}", scheme.name(), self.addresses[0])
    }

    /// Where it listens: at several addresses, if it has several nodes.
    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end, and returns what it printed.
pub(super) fn output(mut command: Command, patience: Duration) -> anyhow::Result<Vec<u8>> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::inherit()).spawn()?;
    let mut output = child.stdout.take().context("it has no output")?;
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_| bytes)
    });
    let deadline = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("it did not end within {} s", patience.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        bail!("it failed: {status}");
    }
    let Ok(bytes) = reader.join() else {
        bail!("its output cannot be read");
    };
    Ok(bytes?)
}

/// How long a server may take to start, which the first time is to install it.
const TO_START: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_what_was_printed() {
        let printed = output(shell("echo 1"), Duration::from_secs(60)).unwrap();
        assert_eq!(printed, b"1\n");
    }

    #[test]
    fn failure_is_an_error() {
        assert!(output(shell("exit 1"), Duration::from_secs(60)).is_err());
        assert!(Running::start(shell("exit 1")).is_err());
        assert!(Running::start(shell("echo elsewhere; exec sleep 60")).is_err());
    }

    #[test]
    fn endless_program_is_ended() {
        let error = output(shell("exec sleep 60"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
    }
}
