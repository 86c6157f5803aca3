//! Our server as nodes of a cluster.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::bail;
use axum::Router;
use sockjs_cluster::{Cluster, Memory, Redis};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::ours::{self, Options};

/// Where nodes find each other's sessions.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// In this process, which has all nodes.
    Memory,
    Redis(String),
}

impl FromStr for Store {
    type Err = Infallible;

    fn from_str(store: &str) -> Result<Self, Infallible> {
        Ok(match store {
            "memory" => Self::Memory,
            url => Self::Redis(url.to_owned()),
        })
    }
}

/// Returns an app for each node. The nodes listen to each other, and are connected with the store.
pub(super) async fn apps(
    options: &Options,
    store: &Store,
    count: usize,
) -> anyhow::Result<Vec<Router>> {
    let mut apps = Vec::new();
    let nodes = match store {
        Store::Memory => join(&Memory::new(), count).await?,
        Store::Redis(url) => join(&Redis::connect(url).await?, count).await?,
    };
    for cluster in nodes {
        apps.push(ours::app(options, Some(&cluster)));
    }
    Ok(apps)
}

async fn join(
    store: &(impl sockjs_cluster::Store + Clone),
    count: usize,
) -> anyhow::Result<Vec<Cluster>> {
    let mut nodes = Vec::new();
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let cluster = Cluster::builder(SECRET)
            .advertise(listener.local_addr()?)
            .join(store.clone())
            .await?;
        tokio::spawn(cluster.serve(listener));
        let start = Instant::now();
        while !cluster.is_connected() {
            if start.elapsed() > PATIENCE {
                bail!("the store is not reached");
            }
            sleep(Duration::from_millis(5)).await;
        }
        nodes.push(cluster);
    }
    Ok(nodes)
}

/// Known to everybody, because nobody else reaches these nodes.
const SECRET: &str = "the secret of sockjs-bench";

/// How long it may take to connect.
const PATIENCE: Duration = Duration::from_secs(10);
