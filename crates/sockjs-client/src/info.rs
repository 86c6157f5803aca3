use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::Instant;

use crate::TransportError;
use crate::http::{Channel, short_body};

/// What the server says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    /// Whether it has WebSockets.
    #[serde(default = "yes")]
    pub(crate) websocket: bool,
    /// Where sessions are opened instead.
    #[serde(default)]
    pub(crate) base_url: Option<String>,
    /// How long a round trip may take.
    #[serde(skip)]
    pub(crate) round_trip_timeout: Duration,
}

impl Info {
    /// Asks the server.
    pub(crate) async fn get(channel: &mut Channel) -> Result<Self, TransportError> {
        let start = Instant::now();
        let request = channel
            .server
            .request("GET", "/info")
            .body(Full::<Bytes>::default())
            .map_err(TransportError::lost)?;
        let response = channel.send(request).await?;
        let body = short_body(response, MAX_INFO).await?;
        let mut info = Self::parse(&body).ok_or(TransportError::Protocol(
            "/info is not a JSON object of SockJS",
        ))?;
        info.round_trip_timeout = round_trip_timeout(start.elapsed());
        Ok(info)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        // serde would take an array for the fields in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        serde_json::from_slice(body).ok()
    }
}

/// Returns how long a round trip may take if one took `measured`, as the JavaScript client does.
fn round_trip_timeout(measured: Duration) -> Duration {
    if measured > Duration::from_millis(100) {
        4 * measured
    } else {
        Duration::from_millis(300) + measured
    }
}

fn yes() -> bool {
    true
}

const MAX_INFO: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_networks_have_four_round_trips() {
        for (measured, timeout) in [(0, 300), (100, 400), (101, 404), (1000, 4000)] {
            assert_eq!(
                round_trip_timeout(Duration::from_millis(measured)),
                Duration::from_millis(timeout)
            );
        }
    }

    #[test]
    fn fields_may_be_missing_or_more() {
        let info = Info::parse(b" {}").unwrap();
        assert!(info.websocket);
        assert_eq!(info.base_url, None);
        let body = br#"{"websocket":false,"origins":["*:*"],"entropy":1,"base_url":"/x"}"#;
        let info = Info::parse(body).unwrap();
        assert!(!info.websocket);
        assert_eq!(info.base_url.as_deref(), Some("/x"));
    }
}
