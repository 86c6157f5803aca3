use std::fmt;
use std::sync::Arc;

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

/// The `JSESSIONID` cookie, by which some load balancers send all requests of a client to the same
/// server.
///
/// `true` converts to [`dummy`](Self::dummy), and `false` to [`off`](Self::off).
///
/// # Example
///
/// Browsers send the cookie in requests of pages of other sites only if it has these attributes. Those
/// that block the cookies of other sites ask for [`partitioned`](Self::partitioned) as well.
///
/// ```
/// use sockjs_axum::{JSessionId, SameSite, SockJsLayer};
///
/// let cookie = JSessionId::dummy().secure(true).same_site(SameSite::None);
/// let layer = SockJsLayer::echo("/echo").jsessionid(cookie);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct JSessionId {
    value: CookieValue,
    attributes: Attributes,
}

/// The value of the cookie.
#[derive(Clone)]
enum CookieValue {
    Off,
    Dummy,
    Custom(Arc<CustomValue>),
}

type CustomValue = dyn Fn(&Parts) -> Option<String> + Send + Sync;

/// The attributes of the cookie.
#[derive(Clone, Debug)]
struct Attributes {
    path: String,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
    partitioned: bool,
}

impl JSessionId {
    /// Sets no cookie. This is the default.
    pub fn off() -> Self {
        Self::with_value(CookieValue::Off)
    }

    /// Sets the cookie to the value that the client sent, or else to `dummy`.
    pub fn dummy() -> Self {
        Self::with_value(CookieValue::Dummy)
    }

    /// Sets the cookie to the value that `value` returns for a request of a session. If `value` returns
    /// `None`, or a value with a character that RFC 6265 forbids, the response has no cookie.
    pub fn custom(value: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with_value(CookieValue::Custom(Arc::new(value)))
    }

    /// Sets the attribute `Path`. Default: `/`. Semicolons, control characters and characters outside
    /// ASCII are removed from it.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.attributes.path = path.into();
        self.attributes
            .path
            .retain(|c| c != ';' && !c.is_control() && c.is_ascii());
        self
    }

    /// Sets the attribute `Secure`: browsers send the cookie over HTTPS only. Default: `false`.
    pub fn secure(mut self, secure: bool) -> Self {
        self.attributes.secure = secure;
        self
    }

    /// Sets the attribute `HttpOnly`: scripts cannot read the cookie. Default: `false`.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.attributes.http_only = http_only;
        self
    }

    /// Sets the attribute `SameSite`. Default: no such attribute. Browsers then assume
    /// [`Lax`](SameSite::Lax), and pages of other sites do not send the cookie.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.attributes.same_site = Some(same_site);
        self
    }

    /// Sets the attribute `Partitioned`: browsers keep a cookie for each site whose pages embed the
    /// server's pages, and send it although they block the cookies of other sites. Default: `false`.
    /// Browsers require [`secure`](Self::secure) and [`SameSite::None`] with it.
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.attributes.partitioned = partitioned;
        self
    }

    /// Returns whether clients need the cookie, which `/info` tells them.
    pub(crate) fn is_enabled(&self) -> bool {
        !matches!(self.value, CookieValue::Off)
    }

    fn with_value(value: CookieValue) -> Self {
        let attributes = Attributes {
            path: "/".to_owned(),
            secure: false,
            http_only: false,
            same_site: None,
            partitioned: false,
        };
        Self { value, attributes }
    }
}

impl From<bool> for JSessionId {
    fn from(enabled: bool) -> Self {
        if enabled { Self::dummy() } else { Self::off() }
    }
}

impl fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Dummy => "Dummy",
            Self::Custom(_) => "Custom",
        })
    }
}

/// When a browser sends a cookie in requests that pages of other sites cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the attribute `SameSite` has these three values"
)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always. Browsers require the attribute [`Secure`](JSessionId::secure) with it.
    None,
}

/// Returns the `Set-Cookie` value that the responses of a session carry.
pub(super) fn jsessionid(cookie: &JSessionId, parts: &Parts) -> Option<HeaderValue> {
    let value = match &cookie.value {
        CookieValue::Off => return None,
        CookieValue::Dummy => sent(&parts.headers).unwrap_or("dummy").to_owned(),
        CookieValue::Custom(value) => value(parts).filter(|it| is_cookie_value(it))?,
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
    if attributes.partitioned {
        header.push_str("; Partitioned");
    }
    HeaderValue::try_from(header).ok()
}

/// Finds the `JSESSIONID` cookie of the client, if its value may be echoed.
fn sent(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix("JSESSIONID="))
        .find(|value| !value.is_empty() && is_cookie_value(value))
}

/// Returns whether a text is a `cookie-value` of RFC 6265 §4.1.1. It may be in quotes, which are then a
/// part of the value.
fn is_cookie_value(value: &str) -> bool {
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    unquoted.unwrap_or(value).bytes().all(is_cookie_octet)
}

/// A `cookie-octet` of RFC 6265 §4.1.1.
fn is_cookie_octet(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
