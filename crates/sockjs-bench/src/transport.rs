//! The transports, by the names that sockjs-client has for them.

use clap::ValueEnum;
use serde::Serialize;

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transport {
    #[value(name = "websocket")]
    #[serde(rename = "websocket")]
    WebSocket,
    #[value(name = "raw-websocket")]
    #[serde(rename = "raw-websocket")]
    RawWebSocket,
    XhrStreaming,
    #[value(name = "eventsource")]
    #[serde(rename = "eventsource")]
    EventSource,
    #[value(name = "htmlfile")]
    #[serde(rename = "htmlfile")]
    HtmlFile,
    XhrPolling,
    JsonpPolling,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::RawWebSocket => "raw-websocket",
            Self::XhrStreaming => "xhr-streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::XhrPolling => "xhr-polling",
            Self::JsonpPolling => "jsonp-polling",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_has_one_name() {
        for transport in Transport::value_variants() {
            let name = transport.name();
            assert_eq!(transport.to_possible_value().unwrap().get_name(), name);
            assert_eq!(serde_json::to_value(transport).unwrap(), name);
        }
    }
}
