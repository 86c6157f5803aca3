//! Runs the program as a user does, against its own server.

#![expect(clippy::unwrap_used, reason = "every line of this file is a test's")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sockjs-bench");

struct Server {
    child: Child,
    scheme: &'static str,
    address: String,
}

impl Server {
    fn start(which: &str) -> Self {
        Self::start_with(which, "http", &[])
    }

    fn start_with(which: &str, scheme: &'static str, arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", which])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self {
            child,
            scheme,
            address,
        }
    }

    /// Runs a command against `mount`, and returns its report.
    fn measure(&self, command: &str, mount: &str, arguments: &[&str]) -> Value {
        let output = Command::new(PROGRAM)
            .args([
                command,
                &format!("{}://{}/{mount}", self.scheme, self.address),
                "--json",
            ])
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command} {mount} {arguments:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const BRIEFLY: [&str; 4] = ["--warmup", "0.02", "--seconds", "0.1"];

#[track_caller]
fn assert_counted(report: &Value, place: &str) {
    let count = report.pointer(place).and_then(Value::as_u64);
    assert!(count > Some(0), "{report}");
}

#[test]
fn every_transport_echoes() {
    let server = Server::start("ours");
    for transport in [
        "websocket",
        "raw-websocket",
        "xhr-streaming",
        "eventsource",
        "htmlfile",
        "xhr-polling",
        "jsonp-polling",
    ] {
        let workload = "--sessions 3 --in-flight 4 --size 100 --content json --transport";
        let mut arguments: Vec<_> = workload.split(' ').collect();
        arguments.push(transport);
        arguments.extend(BRIEFLY);
        let report = server.measure("load", "echo", &arguments);
        assert_counted(&report, "/messages/count");
    }
}

#[test]
fn stack_alone_answers_the_same_clients() {
    let server = Server::start("stack");
    for transport in [
        "raw-websocket",
        "xhr-streaming",
        "eventsource",
        "xhr-polling",
    ] {
        let arguments = [&["--sessions", "3", "--transport", transport], &BRIEFLY[..]].concat();
        let report = server.measure("load", "echo", &arguments);
        assert_counted(&report, "/messages/count");
    }
    let arguments = [
        &["--sessions", "3", "--transport", "raw-websocket"],
        &BRIEFLY[..],
    ];
    let report = server.measure("broadcast", "broadcast", &arguments.concat());
    assert_counted(&report, "/deliveries/count");
}

#[test]
fn sessions_are_opened_held_and_closed() {
    let server = Server::start("ours");
    let report = server.measure("connects", "echo", &BRIEFLY);
    assert_counted(&report, "/connects/count");
    let arguments = [&["--sessions", "3"], &BRIEFLY[..]].concat();
    let report = server.measure("broadcast", "broadcast", &arguments);
    assert_counted(&report, "/deliveries/count");
    let arguments = [
        "--sessions",
        "20",
        "--transport",
        "xhr-polling",
        "--shutdown",
    ];
    let report = server.measure("idle", "echo", &arguments);
    assert_eq!(report["shutdown"]["server"]["cut"], 0, "{report}");
}

#[test]
fn http2_streams_echo_and_are_held() {
    for which in ["ours", "stack"] {
        let server = Server::start_with(which, "h2c", &["--over", "http2"]);
        // More sessions than one connection takes.
        let workload = ["--transport", "xhr-streaming", "--sessions", "120"];
        let arguments = [&workload[..], &["--in-flight", "4"], &BRIEFLY].concat();
        let report = server.measure("load", "echo", &arguments);
        assert_counted(&report, "/messages/count");
    }
    let server = Server::start_with("ours", "h2c", &["--over", "http2"]);
    let arguments = [
        "--transport",
        "xhr-streaming",
        "--sessions",
        "20",
        "--shutdown",
    ];
    let report = server.measure("idle", "echo", &arguments);
    assert_eq!(report["shutdown"]["server"]["cut"], 0, "{report}");
}

#[test]
fn tls_carries_echoes_and_connects() {
    for (which, transport, mount) in [
        ("ours", "websocket", "echo"),
        ("stack", "raw-websocket", "greeted"),
    ] {
        let server = Server::start_with(which, "https", &["--over", "tls"]);
        let arguments = [&["--sessions", "3", "--transport", transport], &BRIEFLY[..]].concat();
        let report = server.measure("load", "echo", &arguments);
        assert_counted(&report, "/messages/count");
        let report = server.measure("connects", mount, &BRIEFLY);
        assert_counted(&report, "/connects/count");
    }
}

#[test]
fn two_threads_serve() {
    for (which, transport) in [("ours", "websocket"), ("stack", "raw-websocket")] {
        let server = Server::start_with(which, "http", &["--threads", "2"]);
        let arguments = [&["--sessions", "3", "--transport", transport], &BRIEFLY[..]].concat();
        let report = server.measure("load", "echo", &arguments);
        assert_counted(&report, "/messages/count");
    }
}

#[test]
fn topic_is_heard_by_those_who_joined() {
    for (which, transport) in [("ours", "websocket"), ("stack", "raw-websocket")] {
        let server = Server::start(which);
        let sessions = [
            "--join",
            "--sessions",
            "3",
            "--bystanders",
            "3",
            "--transport",
            transport,
        ];
        let report = server.measure("broadcast", "topics", &[&sessions, &BRIEFLY[..]].concat());
        assert_counted(&report, "/deliveries/count");
    }
}

#[test]
fn nodes_of_a_cluster_answer_for_each_other() {
    let mut server = Server::start_with("ours", "http", &["--store", "memory", "--nodes", "2"]);
    let addresses = server.address.clone();
    let (first, second) = addresses.split_once(' ').unwrap();
    server.address = first.to_owned();
    let echo = format!("http://{second}/echo");
    for transport in ["xhr-polling", "xhr-streaming"] {
        let workload = ["--sessions", "3", "--transport", transport];
        let arguments = [&workload[..], &["--through", &echo], &BRIEFLY].concat();
        let report = server.measure("load", "echo", &arguments);
        assert_counted(&report, "/messages/count");
    }
    let topics = format!("http://{second}/topics");
    let arguments = [
        &["--join", "--sessions", "3", "--also", &topics],
        &BRIEFLY[..],
    ]
    .concat();
    let report = server.measure("broadcast", "topics", &arguments);
    assert_counted(&report, "/deliveries/count");
    let arguments = [&["--reuse"], &BRIEFLY[..]].concat();
    let report = server.measure("connects", "echo", &arguments);
    assert_counted(&report, "/connects/count");
}

#[test]
fn cost_of_a_cluster_is_measured() {
    let briefly = "relay --rounds 1 --seconds 0.1 --warmup 0.02 --rows polling,topic --json";
    let output = Command::new(PROGRAM)
        .args(briefly.split(' '))
        .args(["--streams", "10", "--hold", "0.1"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in ["0", "1"] {
        let ratio = report.pointer(&format!("/table/rows/{row}/ratio/median"));
        assert!(ratio.and_then(Value::as_f64) > Some(0.0), "{report}");
    }
}

#[test]
fn latency_is_measured_at_half_load() {
    let server = Server::start("ours");
    let report = server.measure("latency", "echo", &BRIEFLY);
    assert_counted(&report, "/messages/count");
    let number = |place| report.pointer(place).and_then(Value::as_f64).unwrap();
    assert!(number("/greatest") > 0.0, "{report}");
    assert!(
        number("/latency/p50_ms") <= number("/latency/p99_ms"),
        "{report}"
    );
}

#[test]
fn large_messages_echo_within_the_default_limits() {
    let server = Server::start("ours");
    let arguments = [&["--sessions", "2", "--size", "1048576"], &BRIEFLY[..]].concat();
    let report = server.measure("load", "echo", &arguments);
    assert_counted(&report, "/messages/count");
    let arguments = ["--sessions", "5", "--burst", "524288"];
    let report = server.measure("idle", "echo", &arguments);
    assert_eq!(report["opened"]["count"], 5, "{report}");
}
