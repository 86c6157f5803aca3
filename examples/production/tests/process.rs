//! The program as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status(addr: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"GET /live/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn requests_are_answered_after_the_end_of_the_log() -> std::io::Result<()> {
    let child = Command::new(env!("CARGO_BIN_EXE_production"))
        .envs([("PORT", "0"), ("METRICS_PORT", "0"), ("RUST_LOG", "trace")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut server = Server(child);
    let stdout = server
        .0
        .stdout
        .take()
        .ok_or_else(|| std::io::Error::other("no pipe"))?;
    let stderr = server.0.stderr.take();
    let mut lines = BufReader::new(stdout).lines();
    let mut addr = None;
    for line in &mut lines {
        let line = line?;
        if let Some(url) = line.strip_prefix("Open http://") {
            addr = Some(url.trim_end_matches('/').to_owned());
        }
        if line.starts_with("Metrics are at") {
            break;
        }
    }
    let addr = addr.ok_or_else(|| std::io::Error::other("no address"))?;
    assert_eq!(status(&addr)?, "HTTP/1.1 200 OK");

    drop(lines);
    drop(stderr);
    for _ in 0..3 {
        assert_eq!(status(&addr)?, "HTTP/1.1 200 OK");
    }
    Ok(())
}
