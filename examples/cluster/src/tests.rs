//! The chat on three nodes in one process, without sockets: the clock stands still while anything is left
//! to do, and then jumps to the next timer.

use std::collections::{BTreeSet, HashMap};
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use sockjs_axum::Transport;
use sockjs_client::Client;
use sockjs_cluster::{BoxedIo, Cluster, Memory};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::node::{End, Node};
use crate::{balancer, page};

/// The nodes by their addresses, so that they reach each other.
type Network = Arc<Mutex<HashMap<SocketAddr, Cluster>>>;

struct Nodes {
    nodes: Vec<Node>,
    turn: Arc<AtomicUsize>,
    answered: Arc<Mutex<BTreeSet<String>>>,
}

impl Nodes {
    async fn start() -> Self {
        let (store, network) = (Memory::new(), Network::default());
        let mut nodes = Vec::new();
        for (n, name) in (1..).zip(["a", "b", "c"]) {
            let addr = SocketAddr::from(([192, 0, 2, n], 4000));
            let known = network.clone();
            let cluster = Cluster::builder("a secret of the tests")
                .advertise(addr)
                .connect_with(move |addr| connect(known.clone(), addr))
                .join(store.clone())
                .await
                .expect("the options are right");
            let client = page::Client::from_env().expect("the client is there");
            nodes.push(Node::new(name, &cluster, &client));
            let mut network = network.lock().expect("nobody panicked");
            network.insert(addr, cluster);
        }
        Self {
            nodes,
            turn: Arc::default(),
            answered: Arc::default(),
        }
    }

    /// Connects a client through a load balancer that sends each request to the next node.
    async fn join(&self, nickname: &str, transport: Transport) -> Client {
        let apps: Vec<Router> = self.nodes.iter().map(|it| it.app.clone()).collect();
        let (turn, answered) = (self.turn.clone(), self.answered.clone());
        let balancer = tower::service_fn(move |request| {
            let app = apps[turn.fetch_add(1, Ordering::Relaxed) % apps.len()].clone();
            let answered = answered.clone();
            async move {
                let response: Response = app.oneshot(request).await?;
                let node = response.headers()["x-node"].to_str().expect("a name");
                answered
                    .lock()
                    .expect("nobody panicked")
                    .insert(node.to_owned());
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let client = Client::over(balancer, "/chat")
            .transport(transport)
            .connect()
            .await;
        let client = client.expect("the session opens");
        say(&client, json!({ "nickname": nickname })).await;
        client
    }
}

async fn connect(network: Network, addr: SocketAddr) -> io::Result<BoxedIo> {
    let node = network.lock().expect("nobody panicked").get(&addr).cloned();
    let node = node.ok_or(io::ErrorKind::ConnectionRefused)?;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    tokio::spawn(node.serve_connection(theirs));
    Ok(Box::new(ours))
}

async fn say(client: &Client, message: Value) {
    client
        .send(message.to_string())
        .await
        .expect("the session is open");
}

async fn hear(client: &mut Client) -> Value {
    let message = client.recv().await.expect("the session is open");
    message.json().expect("an event")
}

/// Hears until something was said, and returns it.
async fn said(client: &mut Client) -> String {
    loop {
        let event = hear(client).await;
        if event["type"] == "said" {
            return event["text"].as_str().expect("a text").to_owned();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_on_one_node_and_all_answer_its_requests() {
    let nodes = Nodes::start().await;
    for transport in [
        Transport::Xhr,
        Transport::XhrStreaming,
        Transport::EventSource,
    ] {
        let mut ann = nodes.join("Ann", transport).await;
        assert_eq!(hear(&mut ann).await["type"], "joined");
        for n in 0..10 {
            say(&ann, json!({ "text": n.to_string() })).await;
            assert_eq!(said(&mut ann).await, n.to_string());
        }
        let mut answered = nodes.answered.lock().expect("nobody panicked");
        let all = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(*answered, BTreeSet::from(all), "{transport:?}");
        answered.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn the_room_is_on_all_nodes() {
    let nodes = Nodes::start().await;
    let mut members = Vec::new();
    let mut homes = BTreeSet::new();
    for nickname in ["Ann", "Bob", "Eve"] {
        let mut member = nodes.join(nickname, Transport::WebSocket).await;
        let joined = hear(&mut member).await;
        homes.insert(joined["node"].as_str().expect("a name").to_owned());
        members.push(member);
    }
    assert!(homes.len() > 1, "{homes:?}");
    say(&members[0], json!({ "text": "<b>tea</b>?" })).await;
    for member in &mut members {
        assert_eq!(said(member).await, "<b>tea</b>?");
    }
    let last = members.pop().expect("a member");
    drop(last);
    for member in &mut members {
        let left = hear(member).await;
        assert_eq!(
            (&left["type"], &left["nickname"]),
            (&json!("left"), &json!("Eve"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_replaced_keeps_its_sessions_for_a_while() {
    let nodes = Nodes::start().await;
    let mut ann = nodes.join("Ann", Transport::Xhr).await;
    let home = hear(&mut ann).await["node"].clone();
    let start = Instant::now();
    let node = nodes
        .nodes
        .iter()
        .zip(["a", "b", "c"])
        .find(|it| json!(it.1) == home);
    let (node, _) = node.expect("the node that has the session");
    let chat = async {
        for n in 0.. {
            say(&ann, json!({ "text": n.to_string() })).await;
            assert_eq!(said(&mut ann).await, n.to_string());
            tokio::time::sleep(Duration::from_secs(1)).await;
            if start.elapsed().as_secs() >= 19 {
                break;
            }
        }
        ann.closed().await.code()
    };
    let health = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let request = Request::get("/health")
            .body(Body::empty())
            .expect("a request");
        let Ok(response) = node.app.clone().oneshot(request).await;
        response.status()
    };
    let (code, health, ()) = tokio::join!(chat, health, node.leave(End::Replaced));
    assert_eq!((code, health), (1001, StatusCode::SERVICE_UNAVAILABLE));
    assert!(start.elapsed().as_secs() >= 20);
}

#[tokio::test(start_paused = true)]
async fn session_without_a_valid_hello_is_closed() {
    let nodes = Nodes::start().await;
    let app = nodes.nodes[0].app.clone();
    let client = Client::over(app.clone(), "/chat").connect().await;
    let client = client.expect("the session opens");
    say(&client, json!({ "text": "hello" })).await;
    assert_eq!(client.closed().await.code(), 4400);
    let client = Client::over(app, "/chat").connect().await;
    let client = client.expect("the session opens");
    assert_eq!(client.closed().await.code(), 4401);
}

/// Real sockets, so the clock runs.
#[tokio::test]
async fn the_balancer_passes_requests_and_websockets_on_and_skips_a_node_that_is_gone() {
    let nodes = Nodes::start().await;
    let mut addrs = Vec::new();
    for node in &nodes.nodes[..2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        addrs.push(listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, node.app.clone()).into_future());
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    addrs.push(gone.local_addr().expect("an address"));
    drop(gone);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/chat", listener.local_addr().expect("an address"));
    tokio::spawn(axum::serve(listener, balancer::routes(addrs)).into_future());

    for transport in [
        Transport::Xhr,
        Transport::XhrStreaming,
        Transport::WebSocket,
    ] {
        let client = Client::builder(&url).transport(transport).connect().await;
        let mut client = client.expect("the session opens");
        say(&client, json!({ "nickname": "Ann" })).await;
        for n in 0..5 {
            say(&client, json!({ "text": n.to_string() })).await;
            assert_eq!(said(&mut client).await, n.to_string());
        }
        assert_eq!(client.close().await.code(), 1000);
    }
}

#[test]
fn the_documentation_shows_the_configuration_of_haproxy() {
    let file = include_str!("../haproxy.cfg");
    let page = include_str!("../../../docs/cluster.md");
    let (_, backend) = file.split_once("\nbackend nodes\n").expect("a backend");
    assert!(page.contains(&format!("```haproxy\nbackend nodes\n{backend}```\n")));
}
