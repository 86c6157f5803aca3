//! A Redis server of a test's own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs, process};

/// A `redis-server` on a free port of 127.0.0.1, which keeps nothing on disk. It is killed on drop.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    args: Vec<String>,
    dir: PathBuf,
}

impl RedisServer {
    /// Starts a server. Returns `None`, and says so, if `redis-server` is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments, such as `--requirepass`.
    pub fn start_with(args: &[&str]) -> Option<Self> {
        if !is_installed() {
            println!("skipped: redis-server is not installed");
            return None;
        }
        let dir = new_dir();
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        for _ in 0..10 {
            let port = free_port();
            let mut child = spawn(port, &args, &dir);
            // Somebody else may have taken the port since.
            if is_ready(&mut child, port) {
                return Some(Self {
                    child,
                    port,
                    args,
                    dir,
                });
            }
            end(&mut child);
        }
        panic!(
            "redis-server does not start; its log is in {}",
            dir.display()
        );
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Returns the address of the server.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Kills the server. Whatever was in it is lost.
    pub fn kill(&mut self) {
        end(&mut self.child);
    }

    /// Kills the server if it runs, and starts it again at the same port, empty.
    pub fn restart(&mut self) {
        self.kill();
        let limit = Instant::now() + START_TIMEOUT;
        loop {
            self.child = spawn(self.port, &self.args, &self.dir);
            if is_ready(&mut self.child, self.port) {
                return;
            }
            self.kill();
            let port = self.port;
            assert!(
                Instant::now() < limit,
                "redis-server does not start again at port {port}"
            );
        }
    }

    /// Has the server hang, with open connections.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has a server that hangs go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.expect("kill is a command").success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        // What is left of it is not worth a failed test.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn is_installed() -> bool {
    let mut command = Command::new("redis-server");
    command.arg("--version").stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn spawn(port: u16, args: &[String], dir: &PathBuf) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args([
        "--save",
        "",
        "--appendonly",
        "no",
        "--logfile",
        "log",
        "--dir",
    ]);
    command.arg(dir).args(args).stdout(Stdio::null());
    command.spawn().expect("redis-server is installed")
}

/// Waits until a server answers. Returns whether it runs.
fn is_ready(child: &mut Child, port: u16) -> bool {
    let limit = Instant::now() + START_TIMEOUT;
    while Instant::now() < limit {
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        if ping(port).is_ok() {
            // Another server may have answered, so that this one must still be there.
            return matches!(child.try_wait(), Ok(None));
        }
        sleep(Duration::from_millis(10));
    }
    false
}

/// Gets any answer, be it that a password is needed.
fn ping(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    stream.read_exact(&mut [0])
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let addr = listener.and_then(|listener| listener.local_addr());
    addr.expect("there is a free port").port()
}

fn new_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = env::temp_dir().join(format!("sockjs-redis-{}-{number}", process::id()));
    fs::create_dir_all(&dir).expect("there is a folder for temporary files");
    dir
}

const START_TIMEOUT: Duration = Duration::from_secs(20);
