//! The cluster that the environment names.

use std::env::{self, VarError};
use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use sockjs_cluster::{Cluster, ConfigError, Redis};
use tokio::net::{TcpListener, lookup_host};

/// Joins the cluster whose Redis server the variable `CLUSTER` names, and answers what its other nodes
/// relay. Returns `None` without that variable.
///
/// | Variable | Meaning | Default |
/// |---|---|---|
/// | `CLUSTER` | the URL of the Redis server: `redis://…` | no cluster |
/// | `CLUSTER_SECRET` | the secret that all nodes share | required |
/// | `CLUSTER_LISTEN` | `host:port` to listen for other nodes | a free port of 127.0.0.1 |
/// | `CLUSTER_ADVERTISE` | `host:port` at which other nodes reach this one | where it listens |
/// | `CLUSTER_LEASE` | seconds for which a dead node's sessions are remembered | that of the library |
///
/// # Errors
///
/// If a variable is wrong. The error names the variable.
pub async fn join() -> anyhow::Result<Option<Cluster>> {
    let Some(url) = variable("CLUSTER")? else {
        return Ok(None);
    };
    let secret = variable("CLUSTER_SECRET")?.context("CLUSTER_SECRET is not set")?;

    let listen = variable("CLUSTER_LISTEN")?.unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&listen)
        .await
        .with_context(|| format!("CLUSTER_LISTEN={listen}"))?;
    let advertise = match variable("CLUSTER_ADVERTISE")? {
        Some(addr) => resolve("CLUSTER_ADVERTISE", &addr).await?,
        None => listener.local_addr()?,
    };

    let mut builder = Cluster::builder(secret)
        .namespace("test-server")
        .advertise(advertise);
    if let Some(lease) = seconds("CLUSTER_LEASE")? {
        builder = builder.lease(lease);
    }
    let store = Redis::connect(&url).await.context("CLUSTER")?;
    let cluster = builder
        .join(store)
        .await
        .map_err(|error| anyhow!("{}: {error}", variable_of(error)))?;
    tokio::spawn(cluster.serve(listener));
    Ok(Some(cluster))
}

/// Reads a variable that holds a number of seconds.
///
/// # Errors
///
/// If it is not a number. The error names the variable.
pub fn seconds(name: &str) -> anyhow::Result<Option<Duration>> {
    Ok(parsed(name)?.map(Duration::from_secs))
}

fn parsed<T>(name: &str) -> anyhow::Result<Option<T>>
where
    T: FromStr<Err: Display>,
{
    let Some(text) = variable(name)? else {
        return Ok(None);
    };
    let value = text.parse();
    value
        .map(Some)
        .map_err(|error| anyhow!("{name}={text}: {error}"))
}

fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => bail!("{name} is not UTF-8"),
    }
}

async fn resolve(name: &str, addr: &str) -> anyhow::Result<SocketAddr> {
    let found = lookup_host(addr).await;
    let found = found.with_context(|| format!("{name}={addr}"))?.next();
    found.with_context(|| format!("{name}={addr}: the host has no address"))
}

/// Returns the variable that holds a wrong option.
fn variable_of(error: ConfigError) -> &'static str {
    match error {
        ConfigError::ShortSecret(_) => "CLUSTER_SECRET",
        ConfigError::Lease(_) => "CLUSTER_LEASE",
        ConfigError::NoAddress | ConfigError::Address(_) => "CLUSTER_ADVERTISE",
        _ => "CLUSTER",
    }
}
