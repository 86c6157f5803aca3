//! Processes that end with the one that started them, however that ends.

use std::process::Stdio;
use std::time::Duration;
use std::{env, io, thread};

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Result;

/// This program once more, with other arguments.
///
/// It ends when its standard input ends. The operating system sees to that even if this process is killed.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    pub(crate) fn start(args: &[&str], variables: &[(&str, String)]) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(args)
            .envs(variables.iter().cloned())
            .stdin(Stdio::piped())
            // A terminal sends Ctrl-C to a whole group. The children are ended one after the other.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        // To wait for the child would close it.
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) {
        // An error means that there is no such process.
        let _ = self.child.wait().await;
    }

    /// Has the process end.
    pub(crate) async fn end(mut self) {
        self.stdin = None;
        // It is killed if it is too late, because it is dropped.
        let _ = timeout(PATIENCE, self.child.wait()).await;
    }
}

/// Runs another program, and kills it when the standard input ends: most programs do not look at that.
pub(crate) async fn guard(program: &str, args: &[&str]) -> Result {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    tokio::select! {
        ended = child.wait() => Err(format!("{program} has ended: {}", ended?).into()),
        () = orphaned() => {
            child.kill().await?;
            Ok(())
        }
    }
}

/// Waits until the process that has started this one wants it to end, or is gone.
pub(crate) async fn orphaned() {
    let (sender, ended) = oneshot::channel();
    // A thread of our own, because tokio would wait for one of its own at the end.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
}

/// Returns whether a program is installed.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// How long a process may take to end: longer than a node takes.
const PATIENCE: Duration = Duration::from_secs(10);
