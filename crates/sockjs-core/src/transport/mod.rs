mod callback;
mod eventsource;
mod form;
mod htmlfile;
mod jsonp;
mod response_encoder;
mod xhr;
mod xhr_streaming;

use std::fmt;

pub use callback::{Callback, CallbackError};
pub use form::FormDecoder;
pub use jsonp::form_payload;
pub use response_encoder::ResponseEncoder;

/// How a client is connected to the server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// `websocket`: a WebSocket that carries SockJS frames.
    WebSocket,
    /// `websocket-raw`: a WebSocket without SockJS frames. Each text message is one message.
    RawWebSocket,
    /// `xhr-polling`: one response per frame.
    Xhr,
    /// `xhr-streaming`: a response that stays open, with a frame per line.
    XhrStreaming,
    /// `eventsource`: a stream of server-sent events, with a frame per event.
    EventSource,
    /// `htmlfile`: an HTML page that keeps loading, with a frame per script element.
    HtmlFile,
    /// `jsonp-polling`: one script per frame.
    Jsonp,
}

impl Transport {
    /// All transports.
    pub const ALL: &'static [Self] = &[
        Self::WebSocket,
        Self::RawWebSocket,
        Self::Xhr,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
    ];

    /// Returns the name of the transport, as sockjs-node writes it: `xhr-polling`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::RawWebSocket => "websocket-raw",
            Self::Xhr => "xhr-polling",
            Self::XhrStreaming => "xhr-streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::Jsonp => "jsonp-polling",
        }
    }

    /// Returns whether this is [`WebSocket`](Self::WebSocket) or
    /// [`RawWebSocket`](Self::RawWebSocket).
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::RawWebSocket)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_have_the_names_of_sockjs_node() {
        let names: Vec<_> = Transport::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(
            names,
            [
                "websocket",
                "websocket-raw",
                "xhr-polling",
                "xhr-streaming",
                "eventsource",
                "htmlfile",
                "jsonp-polling",
            ]
        );
    }

    #[test]
    fn two_transports_are_websockets() {
        let names: Vec<_> = Transport::ALL.iter().filter(|t| t.is_websocket()).collect();
        assert_eq!(names, [&Transport::WebSocket, &Transport::RawWebSocket]);
    }
}
