//! A Redis server of this program's own.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;

/// A `redis-server` on a free port of 127.0.0.1, which keeps nothing on disk. It is killed on drop.
#[derive(Debug)]
pub(crate) struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// Starts a server with the command that `run` makes of a program. Returns `None` if it is not
    /// installed.
    pub(super) fn start(run: impl Fn(&Path) -> Command) -> anyhow::Result<Option<Self>> {
        let program = Path::new("redis-server");
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if !version.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let child = run(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut redis = Self { child, port };
        let start = Instant::now();
        while redis.ping().is_err() {
            if redis.child.try_wait()?.is_some() || start.elapsed() > TO_START {
                bail!("redis-server does not start");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(Some(redis))
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn ping(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut [0])
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TO_START: Duration = Duration::from_secs(20);
