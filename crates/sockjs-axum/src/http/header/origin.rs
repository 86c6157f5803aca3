use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use http::header::{HOST, ORIGIN, REFERER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// The pages that may use a mount, by their origin: [any](Self::any), a [list](Self::list), or a
/// [predicate](Self::predicate).
///
/// # Example
///
/// ```
/// use sockjs_axum::{AllowedOrigins, SockJsLayer};
///
/// let layer = SockJsLayer::echo("/chat").allowed_origins(["https://app.example"]);
///
/// let layer = SockJsLayer::echo("/chat").allowed_origins(AllowedOrigins::predicate(
///     |origin, _parts| origin.as_bytes().ends_with(b".app.example"),
/// ));
/// ```
#[derive(Clone)]
pub struct AllowedOrigins(Kind);

#[derive(Clone)]
enum Kind {
    Any,
    List(Arc<[HeaderValue]>),
    Predicate(Arc<Predicate>),
}

type Predicate = dyn Fn(&HeaderValue, &Parts) -> bool + Send + Sync;

impl AllowedOrigins {
    /// Allows pages of any origin.
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// Allows pages of the listed origins. This is the constructor for a list in the source code; for
    /// a list from a configuration file, use [`try_list`](Self::try_list).
    ///
    /// # Panics
    ///
    /// If [`try_list`](Self::try_list) would return an error.
    pub fn list<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Self {
        match Self::try_list(origins) {
            Ok(list) => list,
            Err(error) => panic!("{error}"),
        }
    }

    /// Allows pages of the listed origins. Each is written as a browser sends it:
    /// `https://app.example`, with the port unless it is the default port of the scheme.
    ///
    /// # Errors
    ///
    /// If an entry is not what a browser would send: it has no scheme, a path, a slash at its end,
    /// capital letters, or the default port of its scheme, or it is `*`. The error names the entry.
    ///
    /// # Example
    ///
    /// ```
    /// use sockjs_axum::AllowedOrigins;
    ///
    /// let error = AllowedOrigins::try_list(["https://app.example/"]).unwrap_err();
    /// assert_eq!(error.to_string(), "not an origin: \"https://app.example/\"");
    /// ```
    pub fn try_list<T: AsRef<str>>(
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, InvalidOrigin> {
        let origins = origins.into_iter().map(|origin| {
            let origin = origin.as_ref();
            HeaderValue::from_str(origin)
                .ok()
                .filter(|_| is_origin(origin))
                .ok_or_else(|| InvalidOrigin(origin.into()))
        });
        origins.collect::<Result<_, _>>().map(Kind::List).map(Self)
    }

    /// Allows pages of the origins that `allowed` accepts. It is called with the `Origin` header and
    /// the head of the request.
    ///
    /// Only pages of the server's own origin can then embed the iframe page, because a function cannot
    /// be written into the policy of that page.
    pub fn predicate(
        allowed: impl Fn(&HeaderValue, &Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Predicate(Arc::new(allowed)))
    }

    /// Returns whether some origins are refused.
    pub(crate) fn restrict(&self) -> bool {
        !matches!(self.0, Kind::Any)
    }

    /// Returns the sources for a `frame-ancestors` policy, if one is needed.
    pub(crate) fn frame_ancestors(&self) -> Option<String> {
        match &self.0 {
            Kind::Any => None,
            Kind::List(origins) if origins.is_empty() => Some("'none'".to_owned()),
            Kind::List(origins) => {
                let origins = origins.iter().filter_map(|origin| origin.to_str().ok());
                Some(origins.collect::<Vec<_>>().join(" "))
            }
            Kind::Predicate(_) => Some("'self'".to_owned()),
        }
    }

    /// Checks the origin of a request. `null` says what happens to requests with `Origin: null`.
    pub(crate) fn judge(&self, null: NullOriginPolicy, parts: &Parts) -> Judgement {
        if let Kind::Any = self.0 {
            return Judgement::Allowed;
        }
        let mut origins = parts.headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => self.judge_without_origin(parts),
            (Some(origin), None) if origin == "null" => match null {
                NullOriginPolicy::Allow => Judgement::NullOrigin,
                NullOriginPolicy::Refuse => Judgement::Refused,
            },
            (Some(origin), None) if self.allows(origin, parts) => Judgement::Allowed,
            (Some(_), _) => Judgement::Refused,
        }
    }

    /// Checks a request without `Origin`. Browsers omit the header in requests for scripts and frames,
    /// and in `GET` requests to the page's own server, but send other headers that tell.
    fn judge_without_origin(&self, parts: &Parts) -> Judgement {
        let site = parts.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        if let Some(b"same-origin" | b"none") = site {
            return Judgement::NoOrigin;
        }
        let referer = parts
            .headers
            .get(REFERER)
            .and_then(|referer| referer.to_str().ok());
        let allowed = match (referer.map(origin_of), site) {
            (None, site) => site.is_none(),
            (Some(None), _) => false,
            (Some(Some(origin)), site) => {
                self.allows(&origin, parts) || (site.is_none() && is_own(&origin, parts))
            }
        };
        if allowed {
            Judgement::NoOrigin
        } else {
            Judgement::Refused
        }
    }

    fn allows(&self, origin: &HeaderValue, parts: &Parts) -> bool {
        match &self.0 {
            Kind::Any => true,
            Kind::List(origins) => origins.contains(origin),
            Kind::Predicate(allowed) => allowed(origin, parts),
        }
    }
}

/// See [`AllowedOrigins::list`]. It panics in the same cases.
impl<T: AsRef<str>, const N: usize> From<[T; N]> for AllowedOrigins {
    fn from(origins: [T; N]) -> Self {
        Self::list(origins)
    }
}

/// See [`AllowedOrigins::list`]. It panics in the same cases.
impl<T: AsRef<str>> From<Vec<T>> for AllowedOrigins {
    fn from(origins: Vec<T>) -> Self {
        Self::list(origins)
    }
}

impl fmt::Debug for AllowedOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Any => f.write_str("Any"),
            Kind::List(origins) => f.debug_list().entries(origins.iter()).finish(),
            Kind::Predicate(_) => f.write_str("Predicate"),
        }
    }
}

/// Why a list of origins was not accepted: this entry is not an origin as a browser sends it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an origin: {0:?}")]
pub struct InvalidOrigin(Box<str>);

impl InvalidOrigin {
    /// Returns the entry of the list.
    pub fn entry(&self) -> &str {
        &self.0
    }
}

/// Whether requests with `Origin: null` are allowed. Browsers send it for sandboxed frames and files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NullOriginPolicy {
    Refuse,
    Allow,
}

/// The result of checking the origin of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Judgement {
    /// The request comes from a page of an allowed origin.
    Allowed,
    /// The request says `Origin: null`, which is allowed, but anybody's page can say it.
    NullOrigin,
    /// The request has no `Origin` header, and no other header speaks against it.
    NoOrigin,
    Refused,
}

/// Returns whether a page of the server itself made a request without `Origin` in the way in which the
/// JavaScript client does, and not by a link or an image. `mode` and `dest` are those of the Fetch
/// standard.
pub(crate) fn is_loaded_by_own_page(headers: &HeaderMap, mode: &str, dest: &str) -> bool {
    let says = |name: HeaderName, value: &str| headers.get(name).is_some_and(|it| it == value);
    says(SEC_FETCH_SITE, "same-origin") && says(SEC_FETCH_MODE, mode) && says(SEC_FETCH_DEST, dest)
}

/// Returns whether a text is an origin as browsers send it. Such a text is harmless in a policy.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => consists_of(host, b"-._"),
    };
    let is_port = port.is_none_or(|port| {
        let default = matches!(
            (scheme, port),
            ("https" | "wss", "443") | ("http" | "ws", "80")
        );
        port.parse::<u16>().is_ok() && !default
    });
    consists_of(scheme, b"+-.") && is_host && is_port
}

/// Returns whether a text is not empty and consists of lower-case letters, digits and `others`.
fn consists_of(text: &str, others: &[u8]) -> bool {
    let is_one = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || others.contains(&b);
    !text.is_empty() && text.bytes().all(is_one)
}

/// Returns the origin of a URL.
fn origin_of(url: &str) -> Option<HeaderValue> {
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    HeaderValue::try_from(origin).ok()
}

/// Returns whether an origin names the server of the request. The scheme is ignored, because a proxy
/// that terminates TLS changes it.
fn is_own(origin: &HeaderValue, parts: &Parts) -> bool {
    let Some((_, host)) = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
    else {
        return false;
    };
    match parts.uri.authority() {
        // HTTP/2 has no `Host` header.
        Some(authority) => authority.as_str() == host,
        None => parts.headers.get(HOST).is_some_and(|own| own == host),
    }
}

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
