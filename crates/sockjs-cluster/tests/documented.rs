//! The test that `docs/cluster.md` shows.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use axum::Router;
use sockjs_axum::SockJsLayer;
use sockjs_client::Client;
use sockjs_cluster::{BoxedIo, Cluster, Memory};
use tower::ServiceExt;

/// The nodes by their addresses.
type Network = Arc<Mutex<HashMap<SocketAddr, Cluster>>>;

async fn node(store: &Memory, network: &Network, number: u8) -> Result<Router, Box<dyn Error>> {
    let addr = SocketAddr::from(([192, 0, 2, number], 4000));
    let known = network.clone();
    let cluster = Cluster::builder("a secret of the tests")
        .advertise(addr)
        .connect_with(move |addr| connect(known.clone(), addr))
        .join(store.clone())
        .await?;
    let layer = SockJsLayer::echo("/echo").peers(cluster.mount("echo"));
    network
        .lock()
        .expect("nobody panicked")
        .insert(addr, cluster);
    Ok(Router::new().layer(layer))
}

/// Connects two nodes by a pipe, so that the clock may be paused.
async fn connect(network: Network, addr: SocketAddr) -> io::Result<BoxedIo> {
    let node = network.lock().expect("nobody panicked").get(&addr).cloned();
    let node = node.ok_or(io::ErrorKind::ConnectionRefused)?;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    tokio::spawn(node.serve_connection(theirs));
    Ok(Box::new(ours))
}

#[tokio::test(start_paused = true)]
async fn all_nodes_answer() -> Result<(), Box<dyn Error>> {
    let (store, network) = (Memory::new(), Network::default());
    let nodes = [
        node(&store, &network, 1).await?,
        node(&store, &network, 2).await?,
    ];
    let turn = Arc::new(AtomicUsize::new(0));
    let balancer = tower::service_fn(move |request| {
        let turn = turn.fetch_add(1, Relaxed);
        nodes[turn % nodes.len()].clone().oneshot(request)
    });
    for transport in Client::TRANSPORTS {
        let client = Client::over(balancer.clone(), "/echo").transport(transport);
        let mut client = client.connect().await?;
        client.send("hello").await?;
        assert_eq!(client.recv().await.as_deref(), Some("hello"));
    }
    Ok(())
}

/// The page shows the middle of this file.
#[test]
fn the_documentation_shows_this_very_code() {
    let code = include_str!("documented.rs");
    let page = include_str!("../../../docs/cluster.md");
    let mut pieces = page.split("```rust\n").skip(1);
    let piece = pieces.next().and_then(|it| it.split("```").next());
    let piece = piece.expect("the page has a piece of code").trim_end();
    assert_eq!(pieces.next(), None);
    assert!(code.contains(piece), "not in this file:\n{piece}");
}
