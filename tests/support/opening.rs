use sockjs_axum::Transport;

use crate::{request::Request, server::Server, wire::Wire};

/// One of the ways to open a session: every receive transport, and both WebSockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opening {
    /// A receive request.
    Http(Wire),
    /// The handshake of a WebSocket with SockJS frames.
    WebSocket,
    /// The handshake of a raw WebSocket.
    RawWebSocket,
}

impl Opening {
    /// Every way.
    pub const ALL: [Self; 7] = [
        Self::Http(Wire::Xhr),
        Self::Http(Wire::XhrStreaming),
        Self::Http(Wire::EventSource),
        Self::Http(Wire::HtmlFile),
        Self::Http(Wire::Jsonp),
        Self::WebSocket,
        Self::RawWebSocket,
    ];

    /// Returns the path of the request, its query included, for a session such as `/echo/000/abc`.
    pub fn path(self, session: &str) -> String {
        match self {
            Self::Http(wire) => format!("{session}/{}", wire.endpoint()),
            Self::WebSocket => format!("{session}/websocket"),
            Self::RawWebSocket => {
                let mount = session.rsplitn(3, '/').nth(2);
                format!("{}/websocket", mount.expect("the path of a session"))
            }
        }
    }

    /// Returns the same path with a field more in its query.
    pub fn path_with(self, session: &str, field: &str) -> String {
        let path = self.path(session);
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}{field}")
    }

    /// Prepares the request that opens a session, `path` being one that [`path`](Self::path) made.
    pub fn request(self, server: &Server, path: &str) -> Request<'static> {
        match self {
            Self::Http(wire) => server.request(wire.method(), path),
            Self::WebSocket | Self::RawWebSocket => server.websocket(path).request(),
        }
    }

    /// Returns the status of the response once a session is open.
    pub fn status(self) -> u16 {
        match self {
            Self::Http(_) => 200,
            Self::WebSocket | Self::RawWebSocket => 101,
        }
    }

    /// Returns the transport as the application is told.
    pub fn transport(self) -> Transport {
        match self {
            Self::Http(wire) => wire.transport(),
            Self::WebSocket => Transport::WebSocket,
            Self::RawWebSocket => Transport::RawWebSocket,
        }
    }

    /// Returns whether scripts of other origins may read the response.
    pub fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Http(Wire::Xhr | Wire::XhrStreaming | Wire::EventSource)
        )
    }
}
