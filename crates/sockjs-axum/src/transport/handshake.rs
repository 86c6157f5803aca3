//! The opening handshake of a WebSocket: RFC 6455 §4.2, and RFC 8441 over HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

use crate::http::reject::Reject;

/// What a valid handshake leads to.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) response: Response<Bytes>,
    /// The connection that follows the response.
    pub(super) on_upgrade: OnUpgrade,
    pub(super) protocol: Option<Arc<str>>,
}

/// Checks the opening handshake and answers it. `protocols` are the subprotocols to choose from.
pub(super) fn handshake(parts: &mut Parts, protocols: &[Arc<str>]) -> Result<Handshake, Reject> {
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
    let protocol = choose(&parts.headers, protocols).cloned();
    if let Some(protocol) = &protocol {
        response.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::try_from(&**protocol).expect("a token is visible ASCII"),
        );
    }
    // It is missing if the server does not support upgrades, or if a middleware took it.
    let on_upgrade = parts
        .extensions
        .remove::<OnUpgrade>()
        .ok_or(Reject::NotWebSocket)?;
    Ok(Handshake {
        response,
        on_upgrade,
        protocol,
    })
}

/// Chooses the first of the client's offers that is in the list, because a client offers what it
/// prefers first: RFC 6455 §4.1.
fn choose<'a>(headers: &HeaderMap, protocols: &'a [Arc<str>]) -> Option<&'a Arc<str>> {
    if protocols.is_empty() {
        return None;
    }
    items(headers, SEC_WEBSOCKET_PROTOCOL)
        .find_map(|offer| protocols.iter().find(|it| it.as_bytes() == offer))
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
    items(headers, name).any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
}

/// Returns the items of a list, which may be on several lines.
fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(name).into_iter();
    let items = values.flat_map(|value| value.as_bytes().split(|b| *b == b','));
    items.map(<[u8]>::trim_ascii)
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

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    /// A valid handshake that a server with upgrades has received.
    fn valid() -> Parts {
        let mut request = Request::get("/echo/000/abc/websocket")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, KEY)
            .body(())
            .unwrap();
        let on_upgrade = hyper::upgrade::on(&mut request);
        request.extensions_mut().insert(on_upgrade);
        request.into_parts().0
    }

    /// What a handshake with these fields in place of the valid ones is answered with.
    fn answer(name: HeaderName, values: &[&str]) -> Result<StatusCode, Reject> {
        let mut parts = valid();
        parts.headers.remove(&name);
        for value in values {
            parts.headers.append(&name, value.parse().unwrap());
        }
        handshake(&mut parts, &[]).map(|it| it.response.status())
    }

    #[test]
    fn the_answer_has_the_accept_key_of_the_rfc() {
        let response = handshake(&mut valid(), &[]).unwrap().response;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let headers = response.headers();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers[CONNECTION], "upgrade");
        assert_eq!(headers[UPGRADE], "websocket");
        assert_eq!(
            headers[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn upgrade_and_connection_are_lists_of_tokens_in_any_case() {
        let ok = Ok(StatusCode::SWITCHING_PROTOCOLS);
        let no = Err(Reject::NotWebSocket);
        for (name, values, expected) in [
            (CONNECTION, &["keep-alive, Upgrade"][..], ok),
            (CONNECTION, &["keep-alive", "UPGRADE"], ok),
            (CONNECTION, &[" ,upgrade\t,"], ok),
            (CONNECTION, &[], no),
            (CONNECTION, &["upgraded"], no),
            (CONNECTION, &["keep-alive upgrade"], no),
            (UPGRADE, &["WebSocket"], ok),
            (UPGRADE, &["h2c, websocket"], ok),
            (UPGRADE, &["h2c", "websocket"], ok),
            (UPGRADE, &[], no),
            (UPGRADE, &["websocket/13"], no),
            (UPGRADE, &["web socket"], no),
        ] {
            assert_eq!(answer(name.clone(), values), expected, "{name}: {values:?}");
        }
    }

    #[test]
    fn only_version_13_is_supported() {
        for version in [&["8"][..], &["13, 8"], &[""], &[]] {
            let answer = answer(SEC_WEBSOCKET_VERSION, version);
            assert_eq!(answer, Err(Reject::WebSocketVersion), "{version:?}");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        for key in [KEY, "AAAAAAAAAAAAAAAAAAAAAA==", "+/+/+/+/+/+/+/+/+/+/+w=="] {
            let answer = answer(SEC_WEBSOCKET_KEY, &[key]);
            assert_eq!(answer, Ok(StatusCode::SWITCHING_PROTOCOLS), "{key}");
        }
        for key in [
            &[][..],
            &[""],
            &["dGhlIHNhbXBsZSBub25jZQ"],
            &["dGhlIHNhbXBsZSBub25jZQ="],
            &["dGhlIHNhbXBsZSBub25jZQ==="],
            &["dGhlIHNhbXBsZSBub25j=="],
            &["dGhlIHNhbXBsZSBub25jZQAA=="],
            &["dGhlIHNhbXBsZSBub25j-_=="],
            &["dGhlIHNhbXBsZSBub25 ZQ=="],
        ] {
            let answer = answer(SEC_WEBSOCKET_KEY, key);
            assert_eq!(answer, Err(Reject::WebSocketKey), "{key:?}");
        }
    }

    #[test]
    fn the_first_offer_that_is_listed_is_chosen() {
        let listed = ["one", "two", "v1.2"].map(Arc::from);
        for (offers, chosen) in [
            (&["one"][..], Some("one")),
            (&["two, one"], Some("two")),
            (&["other", "two,one"], Some("two")),
            (&["other\t, v1.2 "], Some("v1.2")),
            (&[",,", "one"], Some("one")),
            (&["one one, two"], Some("two")),
            (&["\"one\", two"], Some("two")),
            (&["ONE", "one, one"], Some("one")),
            (&["One"], None),
            (&["on", "v1"], None),
            (&["one;q=1"], None),
            (&["other"], None),
            (&[""], None),
            (&[], None),
        ] {
            let mut parts = valid();
            for offer in offers {
                let offer = offer.parse().unwrap();
                parts.headers.append(SEC_WEBSOCKET_PROTOCOL, offer);
            }

            let handshake = handshake(&mut parts, &listed).unwrap();

            assert_eq!(handshake.protocol.as_deref(), chosen, "{offers:?}");
            let answer = handshake.response.headers().get(SEC_WEBSOCKET_PROTOCOL);
            let answer = answer.map(|it| it.to_str().unwrap());
            assert_eq!(answer, chosen, "{offers:?}");
        }
    }

    #[test]
    fn a_server_without_upgrades_refuses() {
        let mut parts = valid();
        parts.extensions.remove::<OnUpgrade>();
        let refused = handshake(&mut parts, &[]).unwrap_err();
        assert_eq!(refused, Reject::NotWebSocket);
    }

    #[test]
    fn over_http2_a_protocol_takes_the_place_of_upgrade_and_key() {
        let mut parts = valid();
        parts.method = Method::CONNECT;
        parts.headers.remove(CONNECTION);
        parts.headers.remove(UPGRADE);
        parts.headers.remove(SEC_WEBSOCKET_KEY);
        assert!(!is_extended_connect(&parts));
        parts.extensions.insert(Protocol::from_static("other"));
        assert!(!is_extended_connect(&parts));
        parts.extensions.insert(Protocol::from_static("websocket"));
        assert!(is_extended_connect(&parts));

        let response = handshake(&mut parts, &[]).unwrap().response;

        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().is_empty());
    }
}
