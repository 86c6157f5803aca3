use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use http::header::{ORIGIN, REFERER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::authority::Authority;

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
///     |origin, _parts| {
///         let origin = origin.to_str().unwrap_or_default();
///         // With the scheme, because anybody in the network can pretend to be an `http` page.
///         origin.starts_with("https://") && origin.ends_with(".app.example")
///     },
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
    /// `https://app.example`, with the port unless it is the default port of the scheme. `file://` is
    /// what the WebViews of Android send for pages of an app.
    ///
    /// Origins are compared as texts, so that a port must be the same. The server's own name in a
    /// request is compared with the host and the port of each entry. It may contain the default port
    /// of the entry's scheme.
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
    /// the head of the request. If a request has no `Origin`, it is called with the origin of the
    /// `Referer`, or with the request's own host, once with `https` and once with `http`.
    ///
    /// Check the scheme as well. Otherwise a page without TLS, which anybody in its user's network can
    /// replace, may use the mount.
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
                let sources = origins.map(|origin| match origin {
                    // A policy names a scheme without a host in this way.
                    FILES => "file:",
                    _ => origin,
                });
                Some(sources.collect::<Vec<_>>().join(" "))
            }
            Kind::Predicate(_) => Some("'self'".to_owned()),
        }
    }

    /// Checks the origin of a request. `null` says what happens to requests with `Origin: null`, and
    /// `silence` whether a browser may have sent a request that says nothing at all.
    pub(crate) fn judge(
        &self,
        null: NullOriginPolicy,
        silence: Silence,
        parts: &Parts,
    ) -> Judgement {
        if let Kind::Any = self.0 {
            return Judgement::Allowed;
        }
        let mut origins = parts.headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) if self.allows_without_origin(silence, parts) => Judgement::NoOrigin,
            (Some(origin), None) if origin == "null" => match null {
                NullOriginPolicy::Allow => Judgement::NullOrigin,
                NullOriginPolicy::Refuse => Judgement::Refused,
            },
            (Some(origin), None) if self.allows(origin, parts) => Judgement::Allowed,
            (None | Some(_), _) => Judgement::Refused,
        }
    }

    /// Checks a request without `Origin`. Browsers omit the header in requests for scripts and frames,
    /// and in `GET` requests to the page's own server, but most send other headers that tell.
    fn allows_without_origin(&self, silence: Silence, parts: &Parts) -> bool {
        let site = parts.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        let referer = parts.headers.get(REFERER);
        match (site, referer, silence) {
            // The browser compares names, not addresses. The page may belong to a stranger whose name
            // leads to this server (DNS rebinding), so that the name has to be a known one.
            (Some(b"same-origin" | b"none"), _, _) => self.allows_own(parts),
            (_, Some(referer), _) => referer
                .to_str()
                .ok()
                .and_then(origin_of)
                .is_some_and(|origin| self.allows(&origin, parts)),
            (Some(_), None, _) => false,
            // Over `http` a page can make its browser omit all of the headers.
            (None, None, Silence::Browser) => self.allows_own(parts),
            (None, None, Silence::Program) => true,
        }
    }

    /// Returns whether the name under which the server was asked is that of an allowed origin.
    fn allows_own(&self, parts: &Parts) -> bool {
        let Some(own) = Authority::of(parts) else {
            return false;
        };
        match &self.0 {
            Kind::Any => true,
            Kind::List(origins) => origins
                .iter()
                .filter_map(|origin| origin.to_str().ok()?.split_once("://"))
                .any(|(scheme, authority)| own.is(scheme, authority)),
            // A proxy that terminates TLS hides the scheme.
            Kind::Predicate(allowed) => ["https", "http"]
                .into_iter()
                .filter_map(|scheme| HeaderValue::try_from(own.origin(scheme)).ok())
                .any(|origin| allowed(&origin, parts)),
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

/// The possible sender of a request without `Origin`, `Referer` and `Sec-Fetch-Site`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Silence {
    /// A browser may have sent the request: it loads the URL without `Origin`.
    Browser,
    /// A program, because a browser would have sent `Origin`, or a health check.
    Program,
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
    if origin == FILES {
        return true;
    }
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

/// The origin of files in the WebViews of Android.
const FILES: &str = "file://";

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
