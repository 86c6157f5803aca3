//! Starts everything: a Redis server, three nodes, and a load balancer.

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use std::{env, io};

use axum::serve::ListenerExt;
use sockjs_cluster::{Cluster, Memory};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::process::{Process, is_installed};
use crate::{Result, balancer, node};

/// Runs until Ctrl-C or SIGTERM.
pub(crate) async fn run() -> Result {
    let port = match env::var("PORT") {
        Ok(port) => port
            .parse()
            .map_err(|error| format!("PORT={port}: {error}"))?,
        Err(_) => 3000,
    };
    // Everything that this process starts shares it. Yours would be in its configuration.
    let secret = Uuid::new_v4().to_string();
    if !is_installed("redis-server") {
        println!("There is no redis-server, so this is one node, with the store in its memory.");
        return alone(port, &secret).await;
    }

    let (redis, redis_addr) = listening(None, |addr| {
        let port = addr.port().to_string();
        let args = [
            "guard",
            "redis-server",
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
        ];
        // Nothing needs to be kept on disk.
        let args = [&args[..], &["--save", "", "--appendonly", "no"]].concat();
        Process::start(&args, &[])
    })
    .await?;

    let (stop, stopping) = watch::channel(false);
    let mut nodes = JoinSet::new();
    let mut addrs = Vec::new();
    for name in NODES {
        let addr = free_addr()?;
        addrs.push(addr);
        let variables = vec![
            ("LISTEN", addr.to_string()),
            ("CLUSTER_LISTEN", "127.0.0.1:0".to_owned()),
            ("CLUSTER_SECRET", secret.clone()),
            ("REDIS", format!("redis://{redis_addr}")),
        ];
        nodes.spawn(keep_running(name, variables, stopping.clone()));
    }
    for addr in &addrs {
        reachable(*addr).await?;
    }
    let balancer = Balancer::start(port, addrs).await?;
    println!("To replace a node, such as in a deploy: kill PROCESS. To lose it: kill -9 PROCESS");
    println!("Open http://{}/", balancer.addr);

    node::stopped().await?;
    println!("Saying goodbye");
    stop.send_replace(true);
    while let Some(ended) = nodes.join_next().await {
        ended??;
    }
    balancer.end().await;
    redis.end().await;
    Ok(())
}

/// Runs one node in this process.
async fn alone(port: u16, secret: &str) -> Result {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let internal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let cluster = Cluster::builder(secret)
        .advertise(internal.local_addr()?)
        .join(Memory::new())
        .await?;
    println!("Open http://{}/", listener.local_addr()?);
    let end = async {
        node::stopped().await?;
        println!("Saying goodbye");
        Ok(node::End::All)
    };
    node::serve("alone", &cluster, listener, internal, end).await
}

/// Starts a node, and another one in its place whenever it has ended.
async fn keep_running(
    name: &'static str,
    variables: Vec<(&'static str, String)>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    loop {
        let mut node = Process::start(&["child", name], &variables)?;
        tokio::select! {
            // The sender is dropped if the start fails.
            _ = stopping.changed() => {
                node.end().await;
                return Ok(());
            }
            () = node.ended() => println!("Node {name} has ended. Another one takes its place"),
        }
        sleep(PAUSE).await;
    }
}

/// What clients connect to.
struct Balancer {
    addr: SocketAddr,
    /// `None` if this process does the work itself.
    haproxy: Option<Process>,
}

impl Balancer {
    /// Starts HAProxy if it is installed, or the balancer of this example.
    async fn start(port: u16, nodes: Vec<SocketAddr>) -> Result<Self> {
        // HAProxy says nothing if the port is taken, and whatever has the port would be taken for HAProxy.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| format!("PORT={port}: {error}"))?;
        let is_wanted = env::var("BALANCER").as_deref() != Ok("own");
        if !is_wanted || !is_installed("haproxy") {
            let addr = listener.local_addr()?;
            let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
            tokio::spawn(axum::serve(listener, balancer::routes(nodes)).into_future());
            let haproxy = None;
            return Ok(Self { addr, haproxy });
        }
        drop(listener);
        let mut variables = Vec::new();
        for (name, addr) in ["NODE_A", "NODE_B", "NODE_C"].into_iter().zip(nodes) {
            variables.push((name, addr.to_string()));
        }
        let addr = (port != 0).then_some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let (haproxy, addr) = listening(addr, |addr| {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/haproxy.cfg");
            let variables = [&variables[..], &[("BIND", addr.to_string())]].concat();
            Process::start(&["guard", "haproxy", "-q", "-db", "-f", file], &variables)
        })
        .await?;
        let haproxy = Some(haproxy);
        Ok(Self { addr, haproxy })
    }

    async fn end(self) {
        if let Some(haproxy) = self.haproxy {
            haproxy.end().await;
        }
    }
}

/// Starts a program that listens at an address, or at any free one.
async fn listening(
    addr: Option<SocketAddr>,
    start: impl Fn(SocketAddr) -> io::Result<Process>,
) -> Result<(Process, SocketAddr)> {
    for _ in 0..ATTEMPTS {
        let addr = addr.map_or_else(free_addr, Ok)?;
        let mut process = start(addr)?;
        tokio::select! {
            reached = reachable(addr) => {
                reached?;
                return Ok((process, addr));
            }
            // Somebody else has taken the port meanwhile.
            () = process.ended() => {}
        }
    }
    Err("a program does not start".into())
}

/// Returns an address that nobody listens at for now.
fn free_addr() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Waits until somebody listens at an address.
async fn reachable(addr: SocketAddr) -> Result {
    let connected = timeout(START, async {
        while TcpStream::connect(addr).await.is_err() {
            sleep(PAUSE / 20).await;
        }
    });
    connected
        .await
        .map_err(|_| format!("nobody listens at {addr}").into())
}

const NODES: [&str; 3] = ["a", "b", "c"];

/// How often a program is started.
const ATTEMPTS: usize = 3;

/// How long a program may take to start.
const START: Duration = Duration::from_secs(10);

/// How long a node that has ended is not replaced, in case that it ends at once.
const PAUSE: Duration = Duration::from_secs(1);
