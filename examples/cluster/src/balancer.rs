//! A load balancer in fifty lines, for machines without HAProxy: each request goes to the next node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1;
use hyper::upgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

#[derive(Debug)]
struct Nodes {
    addrs: Vec<SocketAddr>,
    turn: AtomicUsize,
}

/// Returns a service that passes requests on to nodes.
///
/// It does not ask for the health of the nodes: a node that drains serves its requests to the end, and one
/// that is gone refuses connections.
pub(crate) fn routes(addrs: Vec<SocketAddr>) -> Router {
    let turn = AtomicUsize::new(0);
    let nodes = Arc::new(Nodes { addrs, turn });
    Router::new().fallback(forward).with_state(nodes)
}

async fn forward(State(nodes): State<Arc<Nodes>>, request: Request) -> Response {
    let Some(node) = nodes.next().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no node is there").into_response();
    };
    match pass_on(node, request).await {
        Ok(response) => response,
        // It is not repeated: the node may have got it.
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

impl Nodes {
    /// Connects to the next node that accepts it.
    async fn next(&self) -> Option<TcpStream> {
        for _ in &self.addrs {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let addr = self.addrs[turn % self.addrs.len()];
            if let Ok(node) = TcpStream::connect(addr).await {
                return Some(node);
            }
        }
        None
    }
}

/// Has a node answer one request, on a connection of its own. If the client goes away, this is dropped,
/// and the connection is closed.
async fn pass_on(node: TcpStream, mut request: Request) -> hyper::Result<Response> {
    // A connection that broke meanwhile fails below.
    let _ = node.set_nodelay(true);
    let (mut sender, connection) = http1::handshake(TokioIo::new(node)).await?;
    tokio::spawn(connection.with_upgrades());
    let client = upgrade::on(&mut request);
    let mut response = sender.send_request(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let node = upgrade::on(&mut response);
        tokio::spawn(async move {
            if let (Ok(client), Ok(node)) = tokio::join!(client, node) {
                // Both ends are closed, however it ends.
                let _ =
                    copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(node)).await;
            }
        });
    }
    Ok(response.map(Body::new))
}
