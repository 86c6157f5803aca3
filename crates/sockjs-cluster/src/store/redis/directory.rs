use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value, cmd};
use sockjs_axum::peers::SessionKey;
use tokio::time::sleep;

use super::marker::Marker;
use super::names::Names;
use super::server::{Connector, PING_INTERVAL, Purpose, Server, Task};
use super::value::{decode, encode};
use crate::store::directory::{Claimed, Directory, Entry, Renewal};
use crate::store::future::{StoreFuture, Unavailable};
use crate::store::gate::{ANSWER_TIMEOUT, Failure, Gate, Pass};
use crate::store::meter::Timer;
use crate::throttle::Throttle;

/// The directory in a Redis server. It has a connection of its own.
pub(super) struct RedisDirectory {
    names: Names,
    gate: Arc<Gate<MultiplexedConnection>>,
    throttle: Throttle,
    _task: Task,
}

impl RedisDirectory {
    pub(super) fn new(server: Arc<Server>, names: Names) -> Self {
        let gate = Arc::new(Gate::new());
        let marker = Marker::new(&names);
        let task = Task::spawn(keep_connected(server, gate.clone(), marker));
        Self {
            names,
            gate,
            throttle: Throttle::default(),
            _task: task,
        }
    }

    /// Has the server answer a command.
    async fn ask<T: FromRedisValue + Send>(
        &self,
        pass: Pass,
        command: Cmd,
    ) -> Result<T, Unavailable> {
        let command = &command;
        let attempt = |mut connection: MultiplexedConnection| async move {
            let answer = command.query_async(&mut connection).await;
            answer.map_err(|error| self.failure(&error))
        };
        self.gate.call(pass, attempt).await
    }

    fn failure(&self, error: &RedisError) -> Failure {
        if is_connection_useless(error) {
            tracing::debug!(%error, "the connection to Redis is of no use");
            return Failure::Broken;
        }
        // A server that is full refuses thousands of commands, and does others between them.
        if self.throttle.passes("refused") {
            tracing::warn!(%error, "Redis refuses a command");
        }
        Failure::Refused
    }

    /// Reads an entry that the server has sent.
    fn entry(&self, value: &[u8]) -> Result<Entry, Unavailable> {
        decode(value).ok_or_else(|| {
            if self.throttle.passes("foreign") {
                tracing::warn!("a key of the namespace in Redis has a value that no node writes");
            }
            Unavailable
        })
    }
}

impl Directory for RedisDirectory {
    fn claim<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed> {
        Box::pin(async move {
            let _timer = Timer::start("claim");
            let mut command = cmd("SET");
            command.arg(self.names.key(session)).arg(encode(owner));
            command.arg("NX").arg("GET").arg("PX").arg(millis(lease));
            let found: Option<Vec<u8>> = self.ask(Pass::Settled, command).await?;
            Ok(match found {
                Some(value) => Claimed::Taken(self.entry(&value)?),
                None => Claimed::New,
            })
        })
    }

    fn find(&self, session: SessionKey) -> StoreFuture<'_, Option<Entry>> {
        Box::pin(async move {
            let _timer = Timer::start("find");
            let mut command = cmd("GET");
            command.arg(self.names.key(session));
            let found: Option<Vec<u8>> = self.ask(Pass::Settled, command).await?;
            found.map(|value| self.entry(&value)).transpose()
        })
    }

    fn renew<'a>(
        &'a self,
        sessions: &'a [SessionKey],
        owner: &'a Entry,
        lease: Duration,
    ) -> StoreFuture<'a, Vec<Renewal>> {
        Box::pin(async move {
            let mut renewals = Vec::with_capacity(sessions.len());
            // One after the other, so that claims find their way between them.
            for sessions in sessions.chunks(BATCH) {
                let _timer = Timer::start("renew");
                let mut command = cmd("EVAL");
                command.arg(RENEW).arg(sessions.len());
                for &session in sessions {
                    command.arg(self.names.key(session));
                }
                command.arg(encode(owner)).arg(millis(lease));
                let found: Vec<Value> = self.ask(Pass::AtOnce, command).await?;
                if found.len() != sessions.len() {
                    return Err(Unavailable);
                }
                for found in found {
                    renewals.push(match found {
                        Value::Int(0) => Renewal::Restored,
                        Value::Int(2) => Renewal::Taken,
                        _ => Renewal::Renewed,
                    });
                }
            }
            Ok(renewals)
        })
    }

    fn release<'a>(
        &'a self,
        session: SessionKey,
        owner: &'a Entry,
        remembered: Duration,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let _timer = Timer::start("release");
            let mut command = cmd("EVAL");
            command.arg(RELEASE).arg(1).arg(self.names.key(session));
            command.arg(encode(owner)).arg(match remembered {
                Duration::ZERO => 0,
                remembered => millis(remembered),
            });
            self.ask(Pass::AtOnce, command).await
        })
    }

    fn emptied(&self, seen: u64) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        Box::pin(self.gate.emptied(seen))
    }

    fn is_connected(&self) -> bool {
        self.gate.is_up()
    }
}

impl fmt::Debug for RedisDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDirectory")
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

/// Connects again and again. No command of the directory uses a connection before the marker was read on
/// it.
async fn keep_connected(
    server: Arc<Server>,
    gate: Arc<Gate<MultiplexedConnection>>,
    mut marker: Marker,
) {
    let mut connector = Connector::new(Purpose::Directory);
    loop {
        let connect = || async {
            let link = server.connect(ANSWER_TIMEOUT, |_| {}).await?;
            let reading = marker.read(link.connection.clone()).await?;
            Ok((link, reading))
        };
        let (link, reading) = connector.connect(connect, || {}).await;
        let line = gate.up(link.connection.clone(), marker.take_note(reading));
        loop {
            tokio::select! {
                () = link.ended() => break,
                () = gate.until_down(line) => break,
                () = sleep(PING_INTERVAL) => match marker.read(link.connection.clone()).await {
                    Ok(reading) => gate.found(marker.take_note(reading)),
                    Err(_) => break,
                },
            }
        }
        gate.down(line);
    }
}

/// Returns whether another connection may do what this one did not.
fn is_connection_useless(error: &RedisError) -> bool {
    match error.kind() {
        // The server was restarted, or is not the primary any more.
        ErrorKind::Server(
            ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown | ServerErrorKind::ReadOnly,
        ) => true,
        ErrorKind::Server(_) | ErrorKind::UnexpectedReturnType => false,
        ErrorKind::Extension => error.code() == Some("NOAUTH"),
        _ => true,
    }
}

/// Returns a time as Redis takes it, which refuses zero.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX >> 1)
        .max(1)
}

/// How many leases one command renews, because a script that runs for long holds everybody up. A caller may
/// pass any number.
const BATCH: usize = 256;

/// For each key: 0 if it was missing, 1 if it was renewed, or 2 if it has another value. A key that somebody
/// else has made of another type is no reason to renew none of the others.
const RENEW: &str = "\
local answers = {}
for i, key in ipairs(KEYS) do
  local found = redis.pcall('SET', key, ARGV[1], 'NX', 'GET', 'PX', ARGV[2])
  if not found then
    answers[i] = 0
  elseif found == ARGV[1] then
    redis.call('PEXPIRE', key, ARGV[2])
    answers[i] = 1
  elseif type(found) == 'string' or string.find(found.err, 'WRONGTYPE', 1, true) then
    answers[i] = 2
  else
    return found
  end
end
return answers";

const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then
  if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
  else
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end";
