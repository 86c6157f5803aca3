//! The opening handshake of a WebSocket: RFC 6455 §4.2, and RFC 8441 over HTTP/2.

use bytes::Bytes;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http::reject::Reject;

/// Checks the opening handshake and returns the answer, and the connection that follows the answer.
pub(super) fn handshake(parts: &mut Parts) -> Result<(OnUpgrade, Response<Bytes>), Reject> {
    let over_http2 = is_extended_connect(parts);
    if !over_http2 && !asks_for_upgrade(&parts.headers) {
        return Err(Reject::NotWebSocket);
    }
    if parts
        .headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(Reject::WebSocketVersion);
    }
    let mut response = Response::new(Bytes::new());
    if !over_http2 {
        let key = parts
            .headers
            .get(SEC_WEBSOCKET_KEY)
            .filter(|key| is_key(key.as_bytes()));
        let accept = derive_accept_key(key.ok_or(Reject::WebSocketKey)?.as_bytes());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(
            SEC_WEBSOCKET_ACCEPT,
            HeaderValue::try_from(accept).expect("Base64 is visible ASCII"),
        );
    }
    // It is missing if the server does not support upgrades, or if a middleware took it.
    let on_upgrade = parts
        .extensions
        .remove::<OnUpgrade>()
        .ok_or(Reject::NotWebSocket)?;
    Ok((on_upgrade, response))
}

/// Returns whether an HTTP/2 request asks for a WebSocket.
pub(crate) fn is_extended_connect(parts: &Parts) -> bool {
    parts.method == Method::CONNECT
        && parts
            .extensions
            .get::<Protocol>()
            .is_some_and(|it| it.as_str() == "websocket")
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, CONNECTION, "upgrade") && has_token(headers, UPGRADE, "websocket")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Returns whether a key is 16 bytes in Base64.
fn is_key(key: &[u8]) -> bool {
    let Some(digits) = key.strip_suffix(b"==") else {
        return false;
    };
    digits.len() == 22
        && digits
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}
