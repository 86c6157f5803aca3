use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::config::{CookieValue, JSessionId, SameSite};

/// Returns the `Set-Cookie` value that the responses of a session carry.
pub(crate) fn jsessionid(cookie: &JSessionId, parts: &Parts) -> Option<HeaderValue> {
    let value = match &cookie.value {
        CookieValue::Off => return None,
        CookieValue::Dummy => sent(&parts.headers).unwrap_or("dummy").to_owned(),
        CookieValue::Custom(value) => value(parts).filter(|it| it.bytes().all(is_cookie_octet))?,
    };
    let attributes = &cookie.attributes;
    let mut header = format!("JSESSIONID={value}; path={}", attributes.path);
    if attributes.secure {
        header.push_str("; Secure");
    }
    if attributes.http_only {
        header.push_str("; HttpOnly");
    }
    if let Some(same_site) = attributes.same_site {
        header.push_str(match same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
    }
    HeaderValue::try_from(header).ok()
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
