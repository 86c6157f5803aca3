use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};

use super::error::ConnectError;
use super::server::Server;

/// Checks that a server can be used, and that the URL leads to the right one.
pub(super) async fn check(server: &Server) -> Result<(), ConnectError> {
    let wrong = |error| ConnectError::at(server.address(), &error);
    let link = server
        .connect(ANSWER_TIMEOUT, |_| {})
        .await
        .map_err(wrong)?;
    let mut connection = link.connection.clone();
    let facts = Facts::ask(&mut connection).await.map_err(wrong)?;
    facts.check(server.address())?;
    warn_of_eviction(&mut connection).await;
    Ok(())
}

/// What a server says of itself.
struct Facts {
    version: String,
    mode: String,
    role: String,
}

impl Facts {
    async fn ask(connection: &mut MultiplexedConnection) -> RedisResult<Self> {
        let mut facts: HashMap<String, redis::Value> = cmd("HELLO").query_async(connection).await?;
        let mut fact = |name| match facts.remove(name) {
            Some(value) => redis::from_redis_value(value),
            None => Ok(String::new()),
        };
        Ok(Self {
            version: fact("version")?,
            mode: fact("mode")?,
            role: fact("role")?,
        })
    }

    fn check(self, address: &str) -> Result<(), ConnectError> {
        let address = address.to_owned();
        let major = self.version.split('.').next().unwrap_or_default();
        let Ok(major) = major.parse::<u32>() else {
            let reason = format!("its version is `{}`", self.version);
            return Err(ConnectError::Unexpected { address, reason });
        };
        if major < OLDEST_VERSION {
            let version = self.version;
            return Err(ConnectError::TooOld { address, version });
        }
        if self.mode != "standalone" {
            let mode = self.mode;
            return Err(ConnectError::Mode { address, mode });
        }
        if self.role != "master" {
            return Err(ConnectError::Replica { address });
        }
        Ok(())
    }
}

/// A server that removes entries when its memory is full lets sessions be opened twice.
async fn warn_of_eviction(connection: &mut MultiplexedConnection) {
    // A user who may not ask this can use the server all the same.
    let Ok(info) = cmd("INFO")
        .arg("memory")
        .query_async::<String>(connection)
        .await
    else {
        return;
    };
    let fact = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let policy = fact("maxmemory_policy").unwrap_or("noeviction");
    if fact("maxmemory") != Some("0") && policy != "noeviction" {
        tracing::warn!(
            policy,
            "Redis removes keys when its memory is full; `maxmemory-policy` should be `noeviction`"
        );
    }
}

const OLDEST_VERSION: u32 = 7;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
