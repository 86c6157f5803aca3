//! What only the whole program shows: its variables, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running program. It is killed on drop.
struct Program {
    child: Child,
    addr: String,
}

impl Program {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = command(variables)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("there is a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        let addr = line
            .trim()
            .strip_prefix("Listening on http://")
            .expect("an address");
        Self {
            addr: addr.to_owned(),
            child,
        }
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(status.expect("kill is a command").success());
    }

    fn wait(&mut self) -> ExitStatus {
        let limit = Instant::now() + Duration::from_secs(20);
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the program does not end");
    }

    /// Sends a request, and returns the beginning of its response, up to `until`.
    fn request(&self, method: &str, path: &str, until: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(&self.addr).expect("it listens");
        let timeout = Some(Duration::from_secs(20));
        stream
            .set_read_timeout(timeout)
            .expect("a socket takes options");
        let host = &self.addr;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("it reads");
        let mut response = Vec::new();
        while !String::from_utf8_lossy(&response).contains(until) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("it answers");
            response.extend(byte);
        }
        (stream, String::from_utf8(response).expect("text"))
    }

    fn until_health(&self, status: u16) {
        let expected = format!("HTTP/1.1 {status} ");
        while !self
            .request("GET", "/_health", "\r\n")
            .1
            .starts_with(&expected)
        {}
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_test-server"));
    command.env("PORT", "0").envs(variables.iter().copied());
    command
}

#[test]
fn server_without_sessions_ends_at_once() {
    let mut program = Program::start(&[]);
    program.until_health(200);
    program.terminate();
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn second_signal_ends_the_wait_for_sessions() {
    let mut program = Program::start(&[("DRAIN_GRACE", "1000")]);
    let (mut stream, _) = program.request("POST", "/echo/000/a/xhr_streaming", "o\n");
    program.terminate();
    program.until_health(503);
    let (_, response) = program.request("POST", "/echo/000/b/xhr", "o\n");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");

    program.terminate();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("c[1001,\"Going away\"]\n"), "{rest}");
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn grace_ends_the_wait_for_sessions() {
    let mut program = Program::start(&[("DRAIN_GRACE", "1")]);
    let (mut stream, _) = program.request("POST", "/echo/000/a/xhr_streaming", "o\n");
    let since = Instant::now();
    program.terminate();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("c[1001,\"Going away\"]\n"), "{rest}");
    assert!(since.elapsed() >= Duration::from_secs(1));
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn errors_name_the_variable_that_is_wrong() {
    // Nothing listens there.
    let redis = ("CLUSTER", "redis://127.0.0.1:1");
    let secret = ("CLUSTER_SECRET", "a secret of 16 bytes or more");
    let cases = [
        (vec![("DRAIN_GRACE", "soon")], "DRAIN_GRACE=soon: "),
        (vec![redis], "CLUSTER_SECRET is not set"),
        (vec![redis, secret], "CLUSTER: "),
        (vec![("CLUSTER", "http://a"), secret], "CLUSTER: "),
        (
            vec![redis, secret, ("CLUSTER_LEASE", "-1")],
            "CLUSTER_LEASE=-1: ",
        ),
        (
            vec![redis, secret, ("CLUSTER_LISTEN", "127.0.0.1")],
            "CLUSTER_LISTEN=127.0.0.1: ",
        ),
        (
            vec![redis, secret, ("CLUSTER_ADVERTISE", "here")],
            "CLUSTER_ADVERTISE=here: ",
        ),
    ];
    for (variables, expected) in cases {
        let output = command(&variables).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{variables:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let text = text.replace("\n\nCaused by:\n    ", ": ");
        assert!(text.starts_with(&format!("Error: {expected}")), "{text}");
    }
}
