//! The program as its users run it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use sockjs_client::{Client, Transport};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

struct Program {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    /// What it has said so far.
    said: Vec<String>,
}

impl Program {
    fn start(balancer: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cluster"))
            .envs([("PORT", "0"), ("BALANCER", balancer)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is there");
        let stdout = child.stdout.take().expect("it was asked for");
        let stderr = child.stderr.take().expect("it was asked for");
        let (sender, lines) = mpsc::unbounded_channel();
        // Redis and HAProxy have no standard output, but they have this.
        let until_then = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("{line}");
            }
            drop(until_then);
        });
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let said = Vec::new();
        Self { child, lines, said }
    }

    /// Waits for a line that starts so, and returns the rest of it.
    async fn says(&mut self, start: &str) -> String {
        let line = timeout(PATIENCE, async {
            loop {
                let line = self.lines.recv().await.expect("the program runs");
                self.said.push(line.clone());
                if let Some(rest) = line.strip_prefix(start) {
                    return rest.to_owned();
                }
            }
        });
        line.await.unwrap_or_else(|_| panic!("not said: {start}"))
    }

    /// The process of a node.
    fn node(&self, name: &str) -> Option<String> {
        let start = format!("Node {name} is process ");
        let mut lines = self.said.iter().rev();
        lines.find_map(|line| Some(line.strip_prefix(&start)?.to_owned()))
    }

    fn signal(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, async {
            loop {
                if let Some(status) = self.child.try_wait().expect("it is a child") {
                    return status;
                }
                sleep(MOMENT).await;
            }
        });
        ended.await.expect("the program does not end")
    }

    /// Waits until the program and all that it has started have closed their standard output and error.
    async fn all_ended(&mut self) {
        let ended = timeout(PATIENCE, async {
            while self.lines.recv().await.is_some() {}
        });
        ended.await.expect("a child is left");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kill(signal: &str, process: &str) {
    let killed = Command::new("kill").args([signal, process]).status();
    assert!(killed.is_ok_and(|status| status.success()));
}

async fn join(url: &str) -> Client {
    let client = Client::builder(format!("{url}chat")).transport(Transport::Xhr);
    let client = client.connect().await.expect("the session opens");
    let hello = json!({ "nickname": "Ann" }).to_string();
    client.send(hello).await.expect("the session is open");
    client
}

async fn event(client: &mut Client) -> serde_json::Value {
    let message = client.recv().await.expect("the session is open");
    message.json().expect("an event")
}

async fn chat(client: &mut Client) {
    for n in 0..10 {
        let text = n.to_string();
        let said = json!({ "text": text }).to_string();
        client.send(said).await.expect("the session is open");
        while event(client).await["text"] != text {}
    }
}

#[tokio::test]
async fn sessions_are_told_goodbye_and_nothing_is_left_behind() {
    for balancer in ["own", "haproxy"] {
        let mut program = Program::start(balancer);
        let url = program.says("Open ").await;
        let mut ann = join(&url).await;
        chat(&mut ann).await;
        program.signal("-INT");
        let (reason, status) = tokio::join!(ann.closed(), program.ended());
        assert_eq!(reason.code(), 1001, "{balancer}");
        assert!(status.success(), "{balancer}");
        program.all_ended().await;
    }
}

#[tokio::test]
async fn children_do_not_outlive_a_program_that_was_killed() {
    let mut program = Program::start("haproxy");
    program.says("Open ").await;
    program.signal("-KILL");
    program.all_ended().await;
}

/// Without Redis there is one node, and nothing to kill.
#[tokio::test]
async fn a_node_that_was_lost_is_replaced_and_its_sessions_are_told() {
    let mut program = Program::start("own");
    let url = program.says("Open ").await;
    let mut ann = join(&url).await;
    let home = event(&mut ann).await["node"]
        .as_str()
        .expect("a name")
        .to_owned();
    let Some(process) = program.node(&home) else {
        eprintln!("not run: redis-server is not installed");
        return;
    };
    kill("-KILL", &process);
    let reason = timeout(Duration::from_secs(5), ann.closed()).await;
    let code = reason.expect("the client was not told").code();
    // The poll that the lost node itself was answering breaks. Another one was relayed.
    assert!([1001, 1002, 1006].contains(&code), "{code}");
    program.says(&format!("Node {home} has ended")).await;
    program.says(&format!("Node {home} is process ")).await;
    chat(&mut join(&url).await).await;
}

const PATIENCE: Duration = Duration::from_secs(30);

const MOMENT: Duration = Duration::from_millis(20);
