//! How many connections a client needs, and what becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::serve::ListenerExt;
use sockjs_axum::{SockJsLayer, Transport};
use sockjs_client::Client;
use support::Server;
use tokio::net::TcpListener;

use crate::places::all_transports;

/// Serves a router, and counts connections.
async fn counting(app: Router) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let server = Server::around(async move |listener: TcpListener| {
        let listener = listener.tap_io(move |io| {
            counter.fetch_add(1, SeqCst);
            io.set_nodelay(true).expect("the socket takes options");
        });
        axum::serve(listener, app).await.expect("it does not fail");
    });
    (server.await, count)
}

async fn echo(client: &mut Client, count: usize) {
    for i in 0..count {
        client
            .send(i.to_string())
            .await
            .expect("the session is open");
        assert_eq!(client.recv().await.as_deref(), Some(&*i.to_string()));
    }
}

/// Adds a header to each response.
fn with_header(app: Router, name: &'static str, value: &'static str) -> Router {
    app.layer(from_fn(move |request: Request, next: Next| async move {
        let mut response = next.run(request).await;
        let value = value.parse().expect("a value");
        response.headers_mut().insert(name, value);
        response
    }))
}

#[tokio::test]
async fn http_transports_have_a_connection_for_each_direction() {
    let layer = SockJsLayer::echo("/echo").response_limit(100);
    let (server, connections) = counting(Router::new().layer(layer)).await;
    let url = format!("http://{}/echo", server.addr());
    for transport in all_transports() {
        connections.store(0, SeqCst);
        let client = Client::builder(&url).transport(transport);
        let mut client = client.connect().await.unwrap();
        echo(&mut client, 200).await;
        // A raw WebSocket needs no `/info`. Over HTTP, messages use the connection of `/info`.
        let expected = match transport {
            Transport::RawWebSocket => 1,
            _ => 2,
        };
        assert_eq!(connections.load(SeqCst), expected, "{transport}");
    }
}

#[tokio::test]
async fn a_server_may_close_each_connection() {
    let app = Router::new().layer(SockJsLayer::echo("/echo").response_limit(100));
    let app = with_header(app, "connection", "close");
    let (server, connections) = counting(app).await;
    let url = format!("http://{}/echo", server.addr());
    for transport in [
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::Xhr,
    ] {
        connections.store(0, SeqCst);
        let client = Client::builder(&url).transport(transport);
        let mut client = client.connect().await.unwrap();
        echo(&mut client, 50).await;
        assert!(connections.load(SeqCst) > 50, "{transport}");
    }
}

#[tokio::test]
async fn a_connection_is_not_used_when_the_server_is_about_to_close_it() {
    // Only sends: a stream is one response here.
    let app = Router::new().layer(SockJsLayer::echo("/echo"));
    for (keep_alive, expected) in [("timeout=5, max=1000", 2), ("timeout=1", 12), ("max=9", 2)] {
        let app = with_header(app.clone(), "keep-alive", keep_alive);
        let (server, connections) = counting(app).await;
        let url = format!("http://{}/echo", server.addr());
        let client = Client::builder(url).transport(Transport::XhrStreaming);
        let mut client = client.connect().await.unwrap();
        echo(&mut client, 10).await;
        let connections = connections.load(SeqCst);
        assert_eq!(connections, expected, "{keep_alive}");
    }
}
