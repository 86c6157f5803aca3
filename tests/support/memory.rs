use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::io::DuplexStream;

use crate::websocket::{Handshake, WebSocket};

/// Connects to a router through memory, so that no clock but a paused one matters. `buffer` is how
/// many bytes may be under way in either direction.
pub fn connect_in_memory(router: Router, buffer: usize) -> DuplexStream {
    let (client, server) = tokio::io::duplex(buffer);
    let service = TowerToHyperService::new(router);
    tokio::spawn(async move {
        let builder = auto::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(server), service);
        // A client that goes away is an error of the connection and none of the test.
        connection.await.ok();
    });
    client
}

/// Opens a WebSocket through memory.
pub async fn websocket_in_memory(
    router: Router,
    path: &str,
    buffer: usize,
) -> WebSocket<DuplexStream> {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let stream = connect_in_memory(router, buffer);
    Handshake::new(nowhere, path).open_over(stream).await
}
