//! One node: the chat, its place in the cluster, and how it leaves.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use std::{env, io};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;
use sockjs_axum::SockJsHandle;
use sockjs_cluster::{Cluster, Redis};
use tokio::net::{TcpListener, lookup_host};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::chat::{self, NodeName};
use crate::health::{Health, health};
use crate::{Result, page, process};

/// What a node serves.
pub(crate) struct Node {
    pub(crate) app: Router,
    pub(crate) handle: SockJsHandle,
    health: Health,
}

/// Why a node ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// Another one takes its place, and the others stay.
    Replaced,
    /// All nodes end.
    All,
}

impl Node {
    pub(crate) fn new(name: &str, cluster: &Cluster, client: &page::Client) -> Self {
        let name = NodeName::from(name);
        let sockjs = chat::layer(name.clone())
            .sockjs_url(client.url())
            .peers(cluster.mount("chat"));
        let handle = sockjs.handle();
        let state = Health::default();
        let app = Router::new()
            .route("/health", get(health))
            .with_state(state.clone())
            .merge(client.routes())
            .layer(sockjs)
            .layer(map_response_with_state(name, sign));
        Self {
            app,
            handle,
            health: state,
        }
    }

    /// Leads the clients to the other nodes, which relay their requests to this one, then says goodbye.
    pub(crate) async fn leave(&self, end: End) {
        self.health.leave();
        match end {
            End::Replaced => {
                self.handle.drain(GRACE).await;
                self.handle.shutdown(GOODBYE).await;
            }
            // There is nowhere to lead the clients. But the other nodes say goodbye at the same time, and
            // this one may have to pass it on.
            End::All => {
                let others = tokio::time::sleep(GOODBYE);
                tokio::join!(self.handle.shutdown(GOODBYE), others);
            }
        }
    }
}

/// Says in each response which node has answered the request.
async fn sign(State(name): State<NodeName>, mut response: Response) -> Response {
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert("x-node", name);
    }
    response
}

/// Runs a node whose store is at the URL in `REDIS`, until `end`.
pub(crate) async fn run(
    name: &str,
    end: impl Future<Output = Result<End>> + Send + 'static,
) -> Result {
    let listener = TcpListener::bind(variable("LISTEN")?).await?;
    // Where other nodes reach this one. No browser and no load balancer may get there.
    let internal = TcpListener::bind(variable("CLUSTER_LISTEN")?).await?;
    let advertised = match env::var("CLUSTER_ADVERTISE") {
        Ok(host) => resolve(&host).await?,
        Err(_) => internal.local_addr()?,
    };
    let cluster = Cluster::builder(variable("CLUSTER_SECRET")?)
        .advertise(advertised)
        .join(Redis::connect(&variable("REDIS")?).await?)
        .await?;
    println!("Node {name} is process {}", std::process::id());
    serve(name, &cluster, listener, internal, end).await
}

pub(crate) async fn serve(
    name: &str,
    cluster: &Cluster,
    listener: TcpListener,
    internal: TcpListener,
    end: impl Future<Output = Result<End>> + Send + 'static,
) -> Result {
    // The other nodes come first: they take a node for dead whose address refuses connections.
    let relayed = tokio::spawn(cluster.serve(internal));
    let node = Node::new(name, cluster, &page::Client::from_env()?);
    let app = node.app.clone();
    let (left, has_left) = oneshot::channel();
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        let end = end.await.unwrap_or(End::All);
        node.leave(end).await;
        let _ = left.send(());
    });
    let overdue = async {
        let _ = has_left.await;
        tokio::time::sleep(OVERDUE).await;
    };
    tokio::select! {
        served = served => served?,
        // A client that reads nothing still has a response to come.
        () = overdue => {}
    }
    // Until the others are quiet, they still hear how the sessions of this node ended.
    cluster.leave().await;
    relayed.await?;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM. After SIGTERM, another node takes the place of this one.
pub(crate) async fn stopped() -> Result<End> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Ok(End::All)
        }
        _ = terminate.recv() => Ok(End::Replaced),
    }
}

/// The same, or until the process that has started this one ends it, or is gone.
pub(crate) async fn stopped_or_orphaned() -> Result<End> {
    tokio::select! {
        end = stopped() => end,
        () = process::orphaned() => Ok(End::All),
    }
}

async fn resolve(host: &str) -> io::Result<SocketAddr> {
    let addr = lookup_host(host).await?.next();
    addr.ok_or_else(|| io::Error::other(format!("CLUSTER_ADVERTISE={host}: no address")))
}

fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|error| format!("{name}: {error}").into())
}

/// How long a node that is replaced keeps its sessions.
const GRACE: Duration = Duration::from_secs(20);

/// How long sessions may take to hear what is still to be said to them.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long a response may last after that.
const OVERDUE: Duration = Duration::from_secs(1);
