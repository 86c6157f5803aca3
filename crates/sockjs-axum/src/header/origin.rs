use std::fmt;
use std::sync::Arc;

use http::header::{HOST, ORIGIN, REFERER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Which pages may use a mount: the origins they come from.
///
/// Made from a list of origins, by [`predicate`](Self::predicate), or [`any`](Self::any).
///
/// # Example
///
/// ```
/// use sockjs_axum::{AllowedOrigins, SockJsLayer};
///
/// let layer = SockJsLayer::<()>::new("/chat").allowed_origins(["https://app.example"]);
///
/// let layer = SockJsLayer::<()>::new("/chat").allowed_origins(AllowedOrigins::predicate(
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
    /// Pages of any origin.
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// Pages of these origins, each as a browser writes it: `https://app.example`, with the port
    /// if that is not the scheme's own.
    ///
    /// # Panics
    ///
    /// If one is no origin: without a scheme, with a path or a slash at its end, or `*`.
    pub fn list<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Self {
        let origins = origins.into_iter().map(|origin| {
            let origin = origin.as_ref();
            assert!(is_origin(origin), "not an origin: {origin:?}");
            HeaderValue::from_str(origin).expect("an origin is visible ASCII")
        });
        Self(Kind::List(origins.collect()))
    }

    /// Pages of the origins that `allowed` accepts, given the `Origin` header and the request.
    ///
    /// The iframe page then can be embedded by pages of the server's own origin alone, as a
    /// predicate cannot be written into its policy.
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

    /// Judges where a request comes from. `null` is what browsers say of pages without an origin.
    pub(crate) fn judge(&self, null: NullOrigin, parts: &Parts) -> Judgement {
        if let Kind::Any = self.0 {
            return Judgement::Allowed;
        }
        let headers = &parts.headers;
        let mut origins = headers.get_all(ORIGIN).iter();
        let allowed = match (origins.next(), origins.next()) {
            (None, _) => return self.judge_without_origin(parts),
            (Some(origin), None) if origin == "null" => null == NullOrigin::Allowed,
            (Some(origin), None) => self.allows(origin, parts),
            (Some(_), Some(_)) => false,
        };
        if allowed {
            Judgement::Allowed
        } else {
            Judgement::Refused
        }
    }

    /// Browsers leave the header out of requests for scripts and frames, and of those for the
    /// page's own server; they tell by others.
    fn judge_without_origin(&self, parts: &Parts) -> Judgement {
        let site = parts.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        if let Some(b"same-origin" | b"none") = site {
            return Judgement::Allowed;
        }
        let referer = parts
            .headers
            .get(REFERER)
            .and_then(|referer| referer.to_str().ok());
        let allowed = match (referer.map(origin_of), site) {
            (None, None) => return Judgement::Unknown,
            (None, Some(_)) | (Some(None), _) => false,
            (Some(Some(origin)), site) => {
                self.allows(&origin, parts) || (site.is_none() && is_own(&origin, &parts.headers))
            }
        };
        if allowed {
            Judgement::Allowed
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

/// As [`AllowedOrigins::list`], which says when this panics.
impl<T: AsRef<str>, const N: usize> From<[T; N]> for AllowedOrigins {
    fn from(origins: [T; N]) -> Self {
        Self::list(origins)
    }
}

/// As [`AllowedOrigins::list`], which says when this panics.
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

/// Whether pages without an origin, such as sandboxed frames and files, are allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NullOrigin {
    Refused,
    Allowed,
}

/// What is to be thought of where a request comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Judgement {
    Allowed,
    /// Nothing tells: hardly a browser.
    Unknown,
    Refused,
}

fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return false;
    };
    !scheme.is_empty()
        && !host.is_empty()
        && origin.bytes().all(|b| b.is_ascii_graphic())
        && !host.contains(['/', '?', '#', '*', ',', ';', '\'', '"'])
}

/// Returns the origin of a URL.
fn origin_of(url: &str) -> Option<HeaderValue> {
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    HeaderValue::try_from(origin).ok()
}

/// Returns whether an origin names the server that was asked, whatever the scheme: what terminates
/// TLS before the server changes that.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    host.is_some_and(|(_, host)| headers.get(HOST).is_some_and(|own| own == host))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
