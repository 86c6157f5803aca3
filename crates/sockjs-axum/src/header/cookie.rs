use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::config::JSessionId;

/// Returns the `Set-Cookie` value that the responses of a session carry.
pub(crate) fn jsessionid(config: &JSessionId, parts: &Parts) -> Option<HeaderValue> {
    match config {
        JSessionId::Off => None,
        JSessionId::Dummy => {
            let value = sent(&parts.headers).unwrap_or("dummy");
            HeaderValue::try_from(format!("JSESSIONID={value}; path=/")).ok()
        }
        JSessionId::Custom(cookie) => cookie.call(parts),
    }
}

/// Finds the value of the client's own `JSESSIONID` cookie, if it is one that may be echoed.
fn sent(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix("JSESSIONID="))
        .find(|value| !value.is_empty() && value.bytes().all(is_cookie_octet))
}

/// A `cookie-octet` of RFC 6265 §4.1.1.
fn is_cookie_octet(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
