use axum::Router;
use sockjs_client::{Builder, Client, Transport};
use support::Server;

/// Where the server of a test is.
pub(crate) enum Place {
    Memory(Router),
    Tcp(Server),
}

impl Place {
    /// The same router in memory, and behind a socket.
    pub(crate) async fn all(router: Router) -> [Self; 2] {
        [
            Self::Memory(router.clone()),
            Self::Tcp(Server::start(router).await),
        ]
    }

    pub(crate) fn client(&self, path: &str, transport: Transport) -> Builder {
        let builder = match self {
            Self::Memory(router) => Client::over(router.clone(), path),
            Self::Tcp(server) => Client::builder(format!("http://{}{path}", server.addr())),
        };
        builder.transport(transport)
    }
}

/// All transports, and a raw WebSocket.
pub(crate) fn all_transports() -> impl Iterator<Item = Transport> {
    Client::TRANSPORTS
        .into_iter()
        .chain([Transport::RawWebSocket])
}
