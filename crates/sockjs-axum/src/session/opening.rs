use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, OriginalUri};
use http::Uri;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::uri::PathAndQuery;
use uuid::Uuid;

use super::binding::Digest;
use super::head::Head;

/// Identifies a session of an HTTP transport within its mount, as the requests of the session do. It
/// is a digest of the prefix and of the session id of the URL.
pub(crate) type Key = Digest;

/// The part of the opening request that its session keeps.
pub(crate) struct Opening {
    /// The id that the server made for the session.
    pub(crate) id: Uuid,
    /// The key by which requests find the session. A WebSocket has none.
    pub(crate) key: Option<Key>,
    pub(super) head: Head,
    pub(crate) bound_to: Option<Digest>,
    /// The subprotocol of a WebSocket. The sessions of a mount share its text.
    pub(crate) protocol: Option<Arc<str>>,
    prefix: Prefix,
}

/// The path to the mount of a session.
pub(crate) enum Prefix {
    /// The prefix of the layer.
    Mount(Arc<str>),
    /// So many bytes of the request's path, which the session keeps anyway.
    Path(usize),
}

impl Opening {
    pub(crate) fn new(
        parts: &Parts,
        prefix: Prefix,
        key: Option<Key>,
        bound_to: Option<Digest>,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            key,
            head: Head::new(original_uri(parts), &parts.headers),
            bound_to,
            protocol: None,
            prefix,
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        match &self.prefix {
            Prefix::Mount(prefix) => prefix,
            Prefix::Path(len) => self.head.start_of_path(*len),
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("id", &self.id)
            .field("head", &self.head)
            .field("bound_to", &self.bound_to)
            .field("prefix", &self.prefix())
            .finish_non_exhaustive()
    }
}

/// Returns the URI as the client sent it, even if a router has stripped a prefix from it.
fn original_uri(parts: &Parts) -> &Uri {
    match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri,
        None => &parts.uri,
    }
}

/// Returns the part of the original path that leads to the mount: prefixes that routers stripped,
/// and the mount's own prefix. Returns `own` if a middleware has rewritten the path.
pub(crate) fn prefix<'a>(parts: &'a Parts, own: &'a str) -> &'a str {
    let seen = parts.uri.path();
    let original = original_uri(parts).path();
    match original.strip_suffix(seen) {
        Some(cut) => original.get(..cut.len() + own.len()).unwrap_or(own),
        None => own,
    }
}

/// Returns roughly how many bytes a session keeps of a request's head.
pub(crate) fn head_len(parts: &Parts) -> usize {
    let uri = original_uri(parts);
    let fields = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    uri.path().len() + uri.query().map_or(0, str::len) + fields.sum::<usize>()
}

/// Returns the address of the client, in the order in which axum's extractor looks for it.
pub(crate) fn remote_addr(parts: &Parts) -> Option<SocketAddr> {
    let extensions = &parts.extensions;
    match extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(addr)) => Some(*addr),
        None => {
            let mock = extensions.get::<MockConnectInfo<SocketAddr>>()?;
            Some(mock.0)
        }
    }
}

/// Whether the application may see the `Cookie` and `Authorization` headers of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Credentials {
    Shown,
    Concealed,
}

/// Removes cookies and credentials from a request.
///
/// They identify the user of the browser, but not the page that sends the request: any page can
/// embed the iframe page and act from there.
pub(crate) fn conceal_credentials(parts: &mut Parts) {
    parts.headers.remove(COOKIE);
    parts.headers.remove(AUTHORIZATION);
}

/// Replaces the session id in the URL by a dash, because the id is all it takes to join the session.
pub(crate) fn conceal_id(parts: &mut Parts) {
    let concealed = without_id(&parts.uri);
    if let Some(OriginalUri(original)) = parts.extensions.get_mut::<OriginalUri>() {
        *original = if *original == parts.uri {
            concealed.clone()
        } else {
            without_id(original)
        };
    }
    parts.uri = concealed;
}

fn without_id(uri: &Uri) -> Uri {
    let path = uri.path();
    let end = path.strip_suffix('/').unwrap_or(path);
    let mut segments = end.rsplitn(3, '/');
    let (Some(action), Some(_id), Some(base)) = (segments.next(), segments.next(), segments.next())
    else {
        return uri.clone();
    };
    let slash = &path[end.len()..];
    let mut concealed = [base, "/-/", action, slash].concat();
    if let Some(query) = uri.query() {
        concealed.push('?');
        concealed.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    match PathAndQuery::try_from(concealed) {
        Ok(path_and_query) => parts.path_and_query = Some(path_and_query),
        Err(_) => return uri.clone(),
    }
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Request};

    use super::*;

    /// A request as a router below `original` sees it.
    fn request(uri: &str, original: Option<&str>) -> Parts {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        if let Some(original) = original {
            let original = original.parse().unwrap();
            parts.extensions.insert(OriginalUri(original));
        }
        parts
    }

    #[test]
    fn the_prefix_includes_what_routers_stripped() {
        for (seen, original, own, expected) in [
            ("/echo/0/a/xhr", None, "/echo", "/echo"),
            ("/echo/0/a/xhr", Some("/echo/0/a/xhr"), "/echo", "/echo"),
            (
                "/echo/0/a/xhr",
                Some("/api/v1/echo/0/a/xhr"),
                "/echo",
                "/api/v1/echo",
            ),
            ("/0/a/xhr", Some("/t/x/0/a/xhr"), "", "/t/x"),
            (
                "/echo/0/a/xhr",
                Some("http://h/api/echo/0/a/xhr"),
                "/echo",
                "/api/echo",
            ),
            // A middleware has rewritten the path.
            ("/echo/0/a/xhr", Some("/other/0/b/xhr"), "/echo", "/echo"),
            ("/echo/0/a/xhr", Some("/xhr"), "/echo", "/echo"),
        ] {
            let parts = request(seen, original);
            assert_eq!(prefix(&parts, own), expected, "{seen} {original:?}");
        }
    }

    #[test]
    fn the_id_is_concealed_in_both_uris() {
        for (uri, expected) in [
            ("/echo/000/secret/xhr", "/echo/000/-/xhr"),
            ("/echo/000/secret/xhr/", "/echo/000/-/xhr/"),
            ("/echo/000/secret/jsonp?c=cb", "/echo/000/-/jsonp?c=cb"),
            (
                "http://h:1/echo/000/secret/xhr",
                "http://h:1/echo/000/-/xhr",
            ),
            ("/000/secret/xhr", "/000/-/xhr"),
            // Not a URL of a session.
            ("/xhr", "/xhr"),
            ("/", "/"),
        ] {
            let mut parts = request(uri, None);
            conceal_id(&mut parts);
            assert_eq!(parts.uri, expected);

            let mut parts = request(uri, Some(uri));
            conceal_id(&mut parts);
            assert_eq!(parts.uri, expected);
            assert_eq!(*original_uri(&parts), expected);
        }
        let mut parts = request("/0/secret/xhr", Some("/api/echo/0/secret/xhr"));
        conceal_id(&mut parts);
        assert_eq!(parts.uri, "/0/-/xhr");
        assert_eq!(*original_uri(&parts), "/api/echo/0/-/xhr");
    }

    #[test]
    fn credentials_are_concealed_and_nothing_else() {
        let mut parts = request("/", None);
        let host = HeaderName::from_static("host");
        for name in [COOKIE, AUTHORIZATION, COOKIE, host.clone()] {
            parts.headers.append(name, "secret".parse().unwrap());
        }
        conceal_credentials(&mut parts);
        assert_eq!(parts.headers.keys().collect::<Vec<_>>(), [host]);
    }

    #[test]
    fn the_length_of_a_head_counts_uri_and_headers() {
        let mut parts = request("/echo?a=1", Some("/api/echo?a=1"));
        assert_eq!(head_len(&parts), "/api/echo".len() + "a=1".len());
        parts.headers.append("x-a", "123".parse().unwrap());
        parts.headers.append("x-a", "".parse().unwrap());
        assert_eq!(head_len(&parts), 12 + 3 + 3 + 3);
    }

    #[test]
    fn each_opening_has_an_id_and_the_prefix_that_led_to_it() {
        let parts = request("/t/x/0/a/xhr", None);
        let first = Opening::new(&parts, Prefix::Mount("/echo".into()), None, None);
        let second = Opening::new(&parts, Prefix::Path("/t/x".len()), None, None);
        assert_eq!((first.prefix(), second.prefix()), ("/echo", "/t/x"));
        assert_ne!(first.id, second.id);
    }

    #[test]
    fn the_address_is_that_of_the_connection() {
        let mut parts = request("/", None);
        assert_eq!(remote_addr(&parts), None);
        let addr = SocketAddr::from(([127, 0, 0, 1], 80));
        parts.extensions.insert(ConnectInfo(addr));
        assert_eq!(remote_addr(&parts), Some(addr));
    }
}
