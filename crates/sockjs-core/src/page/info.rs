use crate::quote;

/// The answer to `/info`, which tells a client what the server offers.
///
/// Answer at once: the client measures the round trip of this request, and derives its timeouts from
/// it. Without an answer, a client tries no transport. The rules are P51 and P52 of `docs/protocol.md`.
///
/// ```
/// use sockjs_core::Info;
///
/// let info = Info {
///     websocket: true,
///     cookie_needed: false,
///     base_url: None,
///     entropy: 2912250371,
/// };
/// assert_eq!(
///     String::from_utf8_lossy(&info.to_json()),
///     r#"{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":2912250371}"#
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "they are the fields of SockJS 0.3.3, and each of them is the driver's choice"
)]
pub struct Info<'a> {
    /// Whether the client should try a WebSocket.
    pub websocket: bool,
    /// Whether a load balancer depends on cookies.
    pub cookie_needed: bool,
    /// Another URL to open sessions at, if it is not the one that the client knows.
    pub base_url: Option<&'a str>,
    /// A random number, which must be a new one in each answer. Browsers that have no source of random
    /// numbers use it.
    pub entropy: u32,
}

impl Info<'_> {
    /// Returns the body of the answer, in JSON. The bytes are UTF-8.
    pub fn to_json(&self) -> Vec<u8> {
        let Self {
            websocket,
            cookie_needed,
            base_url,
            entropy,
        } = self;
        let mut body = format!(
            r#"{{"websocket":{websocket},"origins":["*:*"],"cookie_needed":{cookie_needed},"entropy":{entropy}"#
        )
        .into_bytes();
        if let Some(base_url) = base_url {
            body.extend_from_slice(br#","base_url":"#);
            quote(base_url, &mut body);
        }
        body.push(b'}');
        body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// P51: Info.
    #[test]
    fn info_is_json_with_the_fields_of_the_protocol() {
        let plain = Info {
            websocket: true,
            cookie_needed: false,
            base_url: None,
            entropy: 0,
        };
        let full = Info {
            websocket: false,
            cookie_needed: true,
            base_url: Some("https://other.example/\"\\\u{2028}"),
            entropy: u32::MAX,
        };
        for (info, expected) in [
            (
                plain,
                json!({
                    "websocket": true, "cookie_needed": false, "origins": ["*:*"], "entropy": 0,
                }),
            ),
            (
                full,
                json!({
                    "websocket": false, "cookie_needed": true, "origins": ["*:*"],
                    "entropy": 4294967295_u32, "base_url": "https://other.example/\"\\\u{2028}",
                }),
            ),
        ] {
            let value: Value = serde_json::from_slice(&info.to_json()).unwrap();
            assert_eq!(value, expected);
        }
    }
}
